#!/usr/bin/env bash
# The same command on a Dask cluster: here a scheduler and two workers on this machine.   bash run.sh [FOLDER]
# Needs the extra: pip install 'audiokit[cluster]'
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-work}" && cd "${1:-work}"
python "$here/../songs/make_songs.py" songs --seconds 4

dask scheduler --host 127.0.0.1 --port 0 --no-dashboard --scheduler-file scheduler.json > scheduler.log 2>&1 &
scheduler=$!
workers=()
trap 'kill "${workers[@]}" $scheduler 2> /dev/null || true' EXIT
while [ ! -s scheduler.json ]; do sleep 0.2; done
for _ in 1 2; do
  dask worker --scheduler-file scheduler.json --nthreads 1 --no-nanny --no-dashboard --local-directory . > /dev/null 2>&1 &
  workers+=($!)
done
dask_ready='from distributed import Client; Client(scheduler_file="scheduler.json").wait_for_workers(2, timeout=60)'
python -c "$dask_ready"

audiokit spectro songs/ -o on-cluster/ --cluster scheduler.json --force
audiokit spectro songs/ -o here/ --force
diff -r on-cluster here && echo "the same bytes"

# A chain is one job per input, whole: nothing lies on disk between its stages.
cp "$here/chain.sbatch" "$here/../dataset/prepare.chain" .
audiokit run @prepare.chain songs/ -o sets/ --name '{stem}/{part}.{ext}' --cluster scheduler.json --force
audiokit run @prepare.chain songs/ -o sets/ --name '{stem}/{part}.{ext}' --cluster scheduler.json --skip-existing

# The script for Slurm, with a stand-in for srun that starts two tasks here.
mkdir -p bin
printf '#!/usr/bin/env bash\nfor task in 1 2; do "$@" & done\nwait\n' > bin/srun
chmod +x bin/srun
echo 'normalize --to -20 | spectro --kind mel  # gently' > mel.chain
PATH=$PWD/bin:$PATH SLURM_JOB_ID=1 SLURM_NTASKS=2 bash chain.sbatch mel.chain songs/ mel/
audiokit run @mel.chain songs/ -o mel-here/ --force
diff -r mel mel-here && echo "the same bytes, by Slurm's script"
