"""What decord 0.6 alone makes of some of the files: why its answers are verified."""

# Exact: asked for, decord must read these.
READS = {
    "plain.mp4",
    "vp9.webm",
    "long_gop.mp4",
    "single_gop.mp4",
    "fragments.mp4",
    "unsteady.mp4",
    "sound.mp4",
    "one_frame.mp4",
    "few_frames.mp4",
    "odd_size.mp4",
    "ten_bit.mp4",
    "full_range.mp4",
    "bt709.mp4",
    "interlaced.mp4",
    "turned_90.mp4",
    "turned_180.mp4",
    "turned_270.mp4",
    "overstated.mp4",
    "declared_enormous.mp4",
    "cover_art.mp4",
}
# Other frames than those asked for, without a word.
WRONG = {
    "open_gop.mp4",
    "hevc.mp4",
    "b_frames.avi",
    "asp.avi",
    "transport.ts",
    "before_zero.ts",
    "before_zero.mkv",
    "before_zero.mp4",
    "cut.mp4",
    "cut_twice.mp4",
    "size_change.ts",
    "two_streams.mp4",
    "two_streams.ts",
}
# Damaged pictures, of which neither libav nor decord says a word; they conceal them differently.
CONCEALS = {"flipped_hevc.mp4"}
