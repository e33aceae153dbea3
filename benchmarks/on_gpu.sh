#!/bin/sh
# All that a GPU is needed for, within ten minutes (a minute more where CIFAR-10 is packed):
#
#     python benchmarks/cifar_gpu.py prepare build/nets --width 64
#     sh benchmarks/on_gpu.sh build/nets cifar10.npz build/gpu
#     sh benchmarks/on_gpu.sh --study build/nets cifar10.npz build/gpu 36 0,617,1234 7
#
# First the tests that need one, what `recform summary --memory` says beside what its
# allocator counts, and two epochs of the study, compiled by torch and not; then, with
# nothing beside them, times. The study is a call of its own (EPOCHS, SEEDS, MINUTES, and
# --compile, if that was faster): how many epochs fit is known by then. Needs torch, and what
# `recform train` does; answers are in the last folder, and on the screen.
set -u
here=$(dirname "$0")
export PYTHONPATH="$here/.." PYTHONUNBUFFERED=1 OMP_NUM_THREADS=2
export TORCHINDUCTOR_COMPILE_THREADS=3 TORCHINDUCTOR_CACHE_DIR="${TMPDIR:-/tmp}/inductor"

study() { # EPOCHS SEEDS MINUTES RESULTS [--compile]
    python3 "$here/cifar_gpu.py" run "$nets" "$data" "$4" --at-once 7 \
        --epochs "$1" --seeds "$2" --minutes "$3" ${5:-}
}

if [ "$1" = --study ]; then
    nets=$2 data=$3 out=$4
    study "$5" "$6" "$7" "$out/results.jsonl" "${8:-}"
    python3 "$here/cifar_gpu.py" table "$out/results.jsonl" | tee "$out/results.csv"
    exit
fi

nets=$1 data=$2 out=$3
mkdir -p "$out"
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
python3 -c "import torch; print(torch.__version__, torch.backends.cudnn.version())"

# Behind this torch has compiled the networks of the study.
study 1 9 1.5 "$out/first.jsonl" --compile > "$out/first.txt" 2>&1 &
timeout 120 python3 -m pytest -q --tb=short -p no:cacheprovider "$here/../tests/gpu" \
    > "$out/tests.txt" 2>&1 &
for dtype in fp32 bf16; do
    for plan in plain lean checkpoint reversible 60%; do
        timeout 100 python3 "$here/memory_model.py" --gpu --dtype $dtype --plan $plan \
            > "$out/model-$dtype-$plan.txt" 2>&1 &
    done
done
wait
for file in "$out"/model-*; do
    echo "$file"
    tail -n +3 "$file" | cut -c1-300
done | tee "$out/model.txt"
rm "$out"/model-*
tail -c 3000 "$out/tests.txt"
tail -n 3 "$out/first.txt"

study 2 8 0.7 "$out/compiled.jsonl" --compile
study 2 8 0.7 "$out/eager.jsonl"
cut -c1-160 "$out/compiled.jsonl" "$out/eager.jsonl"
timeout 215 python3 "$here/bench.py" memory --device cuda --minutes 3.6 | tee "$out/bench.txt"
