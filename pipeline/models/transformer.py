"""A Transformer layer over the snippets of a video, whose attention copies little."""

from torch import Tensor, nn
from torch.nn import functional


class TransformerLayer(nn.TransformerEncoderLayer):
    """`nn.TransformerEncoderLayer`, batch first, with the same parameters, numbers and names.

    In training `nn.MultiheadAttention` turns (B, T, H) into (T, B, H) and back, and takes query,
    key and value out of a copy of their projection; the gradients come back through three buffers
    of zeros. Here all three are views of one projection. There are no masks.
    """

    def _sa_block(
        self,
        x: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        if attn_mask is not None or key_padding_mask is not None or is_causal:
            raise ValueError("every snippet attends to every other: masks are not supported")
        attention = self.self_attn
        batch, n_snippets, width = x.shape
        joined = functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        joined = joined.view(batch, n_snippets, 3, attention.num_heads, -1)
        query, key, value = joined.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T, H / heads)
        dropout = attention.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        mixed = mixed.transpose(1, 2).reshape(batch, n_snippets, width)
        out: Tensor = self.dropout1(attention.out_proj(mixed))
        return out
