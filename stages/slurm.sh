#!/bin/bash
#SBATCH --job-name=snippets
#SBATCH --cpus-per-task=8
#SBATCH --output=%x-%A_%a.log
# One per-video stage over many machines that share this repository's folder and its work store:
#
#   dvc repro manifest@ucf_crime
#   sbatch --wait --array=1-16 stages/slurm.sh decode ucf_crime
#   dvc repro decode@ucf_crime            # finds every piece, assembles the output
#   sbatch --wait --array=1-16 --gpus-per-task=1 stages/slurm.sh clip ucf_crime
#   sbatch --wait --array=1-16 stages/slurm.sh caption ucf_crime
#   dvc repro clip@ucf_crime caption@ucf_crime
#   sbatch --wait --array=1-16 --gpus-per-task=1 stages/slurm.sh text ucf_crime
#   dvc repro
#
# Submit it in the repository's root. Each task computes its share into the store and writes no output,
# so any of them may be killed, repeated or run twice; `manifest` digests and probes in the same way.
# Tasks are numbered from 1. To repeat some of 16: `sbatch --array=3,7 --export=ALL,SHARDS=16 ...`.
set -euo pipefail

if [[ $# -ne 2 || -z ${SLURM_ARRAY_TASK_ID:-} ]]; then
  echo "usage: sbatch --array=1-N stages/slurm.sh STAGE DATASET" >&2
  echo "by hand: SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=N bash stages/slurm.sh STAGE DATASET" >&2
  exit 2
fi

cd "${SLURM_SUBMIT_DIR:-.}"
[[ -f .venv/bin/activate ]] && source .venv/bin/activate
exec python -m "stages.$1" "$2" --shard "$SLURM_ARRAY_TASK_ID/${SHARDS:-$SLURM_ARRAY_TASK_COUNT}"
