#!/usr/bin/env bash
# Make a recipe directory: egs2/TEMPLATE/<task>/setup.sh egs2/<corpus>/<task>
# As in ESPnet, conf is copied and what recipes share is linked; run.sh, local/data.sh and README.md
# are beginnings to be written on.
set -euo pipefail

die() { echo "$0: $*" >&2; exit 1; }
[ $# -eq 1 ] && [ "${1#-}" = "$1" ] || die "Usage: $0 DIR, such as egs2/foo/$(basename "$(dirname "$0")")"
dir=$1
template=$(cd "$(dirname "$0")" && pwd)
task=$(basename "${template}")
[ -d "$(realpath -m "${dir}/../..")/TEMPLATE/${task}" ] || die "${dir}: expected egs2/<corpus>/${task}, beside TEMPLATE"
[ ! -e "${dir}/run.sh" ] || die "${dir}: there is a recipe already"
corpus=$(basename "$(realpath -m "${dir}/..")")
case ${task} in
    p2v1) script=p2v; options="--train_set ${corpus}_train --valid_set ${corpus}_valid --test_sets ${corpus}_test" ;;
    evc1) script=evc; options="--train_set ${corpus}_train --valid_set ${corpus}_valid --test_sets ${corpus}_test" ;;
    voc1) script=voc; options="--train_set ${corpus}_train --valid_set ${corpus}_valid" ;;
    ser1) script=ser; options="--train_set ${corpus} --ser_configs \"conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml\"" ;;
    style1) script=style; options="--test_sets ${corpus}_style" ;;
    *) die "${task}: not a template" ;;
esac

mkdir -p "${dir}/local" "${dir}/conf"
cp -R -P "${template}/conf/." "${dir}/conf"
cp --remove-destination "${template}/conf/slurm.conf" "${dir}/conf/slurm.conf"
for name in common common/path.sh common/cmd.sh common/db.sh "${task}/${script}.sh"; do
    ln -sf "../../TEMPLATE/${name}" "${dir}/"
done
if [ "${task}" = evc1 ]; then ln -sf ../../TEMPLATE/p2v1/p2v.sh "${dir}/"; fi

cat > "${dir}/run.sh" << EOF
#!/usr/bin/env bash
# ${corpus}: ./run.sh --db DIR. All options of ${script}.sh can be given: ./run.sh --help
# Settings: ours
set -euo pipefail

exec ./${script}.sh${options//--/$' \\\n    '--} \\
    "\$@"
EOF
sed -i 's/ *  \\$/ \\/' "${dir}/run.sh"
cat > "${dir}/local/data.sh" << EOF
#!/usr/bin/env bash
# Write the data directories of ${corpus}: local/data.sh [--db DIR]
# Further options are those of espnet2_ext.bin.prepare ${corpus}.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus ${corpus} ${corpus^^} "\$@"
EOF
cat > "${dir}/README.md" << EOF
# ${corpus}, ${task}

**Settings: ours**.

    ./run.sh --db /path/to/${corpus}

## Results

What \`common/show_result.sh\` prints.
EOF
chmod +x "${dir}/run.sh" "${dir}/local/data.sh"
echo "${dir}: made. Write espnet2_ext/corpora/${corpus}.py (see CONTRIBUTING.md), name ${corpus^^} in db.sh, then ./run.sh"
