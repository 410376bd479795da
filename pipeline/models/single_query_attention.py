"""Multi-head cross-attention with one query a video, at the cost of the query alone."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SingleQueryAttention(nn.Module):
    """What `nn.MultiheadAttention` computes for one query, without projecting the snippets.

    For one query the projections move to its side, by algebra alone. With head h's query q_h,
    keys W_k x_t + b_k and values W_v x_t + b_v:

        q_h . (W_k x_t + b_k) = (W_k' q_h) . x_t + const, and softmax over t drops the constant;
        sum_t a_t (W_v x_t + b_v) = W_v (sum_t a_t x_t) + b_v sum_t a_t,

    where a_t are the weights after dropout, which need not sum to 1. A video of T snippets of
    width H takes 8 H^2 + 4 heads T H floating-point operations, not 4 T H^2 + 4 H^2 + 4 T H: at
    T = 32, H = 512 and 8 heads a thirteenth. Parameters have the names, shapes and initial values
    of `nn.MultiheadAttention` (`in_proj_*`: query, key, value below one another), so weights of
    one fit the other; the key's bias has no effect in either.
    """

    def __init__(self, width: int, heads: int, *, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads = heads
        self.dropout = dropout
        self.out_proj = nn.Linear(width, width)
        nn.init.zeros_(self.out_proj.bias)
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))

    def forward(self, query: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Query (B, H), keys and values `context` (B, T, H) -> attended (B, H), weights (B, T).

        The weights are the mean over heads, after dropout.
        """
        batch, _, width = context.shape
        to_query, to_key, to_value = self.in_proj_weight.chunk(3)
        query_bias, _, value_bias = self.in_proj_bias.chunk(3)
        split = (self.heads, width // self.heads)
        asked = functional.linear(query, to_query, query_bias).view(batch, *split)  # (B, h, H / h)
        asked = asked / math.sqrt(split[1])
        folded = torch.einsum("bhd,hdw->bhw", asked, to_key.view(*split, width))  # (B, h, H)
        shares = (folded @ context.transpose(1, 2)).softmax(dim=-1)  # (B, h, T)
        shares = functional.dropout(shares, self.dropout, self.training)
        mean = shares @ context  # (B, h, H)
        attended = torch.einsum("bhw,hdw->bhd", mean, to_value.view(*split, width))
        attended = attended + shares.sum(dim=-1, keepdim=True) * value_bias.view(split)
        projected: Tensor = self.out_proj(attended.flatten(1))  # (B, H)
        return projected, shares.mean(dim=1)
