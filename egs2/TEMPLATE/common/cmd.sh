#!/usr/bin/env bash
# Source this for the commands that start jobs. `cmd_backend=slurm ./run.sh` chooses a cluster;
# conf/slurm.conf then says how sbatch is called.
# shellcheck disable=SC2034  # used by the script that sources this

cmd_backend=${cmd_backend:-local}
case "${cmd_backend}" in
    local)
        train_cmd="run.pl"      # many small jobs
        cuda_cmd="run.pl"       # training
        decode_cmd="run.pl"     # one job over a whole data set
        ;;
    slurm)
        train_cmd="slurm.pl"
        cuda_cmd="slurm.pl"
        decode_cmd="slurm.pl"
        ;;
    *)
        echo "cmd.sh: cmd_backend is ${cmd_backend}, expected local or slurm" >&2
        return 1
        ;;
esac
