#!/usr/bin/env bash
# Train a HiFi-GAN on a corpus, or go on with a published one, for conversion to speak through;
# `./voc.sh --help` says how.
set -euo pipefail
. common/log.sh
. common/help.sh
SECONDS=0

# options
## General
stage=1                     # first stage
stop_stage=10000            # last stage
skip_stages=                # stages to leave out, such as "1 4"
skip_data_prep=false        # leave out stages 1 to 3: dumpdir/raw of p2v.sh or evc.sh is there
skip_train=false            # leave out stage 4
skip_eval=false             # leave out stage 5
ngpu=1                      # GPUs of a node for training; 0 trains on the CPU
num_nodes=1                 # nodes for training; above 1 needs cmd_backend=slurm
nj=32                       # processes of stages 1 and 2
inference_nj=32             # processes of stage 5
gpu_inference=false         # a GPU for stage 5
dumpdir=dump                # formatted audio; below a recipe, all templates can share one
expdir=exp                  # models and results
python=python3              # interpreter
## Data: stages 1 to 3
db=                         # folder of the corpus; none: what db.sh names
train_set=                  # directory below data/
valid_set=                  # directory below data/
test_sets=                  # directories below data/ to score; none: the validation set
local_data_opts=            # options of local/data.sh
allow_pipes=false           # run the commands that stand in data/*/wav.scp
min_wav_duration=0.1        # seconds; shorter utterances are left out
max_wav_duration=20         # seconds; longer ones are left out of training and validation
## Training: stage 4
voc_config=conf/train_vocoder.yaml  # ESPnet configuration
voc_args=                   # further options of bin/vocoder_train
voc_tag=                    # name of the experiment; none: from config, init_generator and voc_args
voc_exp=                    # its directory; none: expdir/voc_TAG
init_generator=             # SpeechBrain HiFi-GAN to start from: hub name or directory
## Scores: stage 5
inference_model=valid.mel_loss.best.pth  # weights in voc_exp
references=griffin_lim      # other vocoders for the table, such as "griffin_lim owner/name"
corpus_note=                # stands in the titles of tables, such as "synthetic speech"
# end of options
help_message="Usage: ./run.sh [--option VALUE ...] [--config FILE] [--print_config]

1 data  2 format wav  3 length filter  4 training  5 copy synthesis and scores
The result, voc_exp, is a --vocoder of p2v.sh, evc.sh and bin/convert.
A complete stage is skipped (up to date); an interrupted run resumes where it stopped.
$(options_help "$0")"
. common/start.sh

for name in train_set valid_set voc_config; do
    [ -n "${!name}" ] || die "--${name} is needed"
done
[ -f "${voc_config}" ] || die "--voc_config ${voc_config}: no such file"
if "${skip_data_prep}"; then skip_stages+=" 1 2 3"; fi
if "${skip_train}"; then skip_stages+=" 4"; fi
if "${skip_eval}"; then skip_stages+=" 5"; fi

org=${dumpdir}/org raw=${dumpdir}/raw
# shellcheck disable=SC2206  # lists of names and of options
scored=(${test_sets:-${valid_set}}) others=(${references}) extra_training=(${voc_args})
mapfile -t sets < <(printf '%s\n' "${train_set}" "${valid_set}" "${scored[@]}" | awk '!seen[$0]++')
if [ -z "${voc_tag}" ]; then
    voc_tag=$(basename "${voc_config}" .yaml)${init_generator:+_from_$(basename "${init_generator}")}
    voc_tag+=$(tag_of "${voc_args}")
fi
voc_exp=${voc_exp:-${expdir}/voc_${voc_tag}}
device=cpu inference_ngpu=0 workers=${inference_nj}
if "${gpu_inference}"; then device=cuda inference_ngpu=1 workers=1; fi

if begin 1 "data/{${sets[*]}} by local/data.sh"; then prepare_data; fi

if begin 2 "16 kHz mono flac in ${org}"; then
    for name in "${sets[@]}"; do
        in_shares "${dumpdir}/log/format_wav_${name}.log" 0 "${python}" -m espnet2_ext.bin.format_wav \
            --data_dir "data/${name}" --out_dir "${org}/${name}" \
            --min_duration_s "${min_wav_duration}" --num_workers "${nj}" \
            --allow_pipes "${allow_pipes}" --allow_utterance_speakers true
    done
fi

if begin 3 "utterances of ${min_wav_duration} to ${max_wav_duration} s in ${raw}"; then
    for name in "${sets[@]}"; do
        longest=${max_wav_duration}
        # Nothing is left out of a test.
        if [ "${name}" != "${train_set}" ] && [ "${name}" != "${valid_set}" ]; then longest=1000000; fi
        "${python}" -m espnet2_ext.bin.filter_length --data_dir "${org}/${name}" \
            --out_dir "${raw}/${name}" --min_duration_s "${min_wav_duration}" --max_duration_s "${longest}"
    done
fi

tables=()
for name in "${sets[@]}"; do tables+=("${raw}/${name}/wav.scp" "${raw}/${name}/utt2num_samples"); done
if [ "${stop_stage}" -ge 4 ]; then
    for name in "${tables[@]}"; do [ -f "${name}" ] || die "${name}: missing; run stages 1 to 3"; done
fi

if begin 4 "training in ${voc_exp}"; then
    print=$(fingerprint "${tables[@]:0:4}" "${voc_config}" "${voc_args}" "${init_generator}")
    if ! is_done "${voc_exp}" "${print}"; then
        mark_begun "${voc_exp}" "${print}"
        write_run_script "${voc_exp}" 4
        options=(--resume true --output_dir "${voc_exp}")
        for part in train valid; do
            directory=${raw}/$([ "${part}" = train ] && echo "${train_set}" || echo "${valid_set}")
            options+=("--${part}_data_path_and_name_and_type" "${directory}/wav.scp,speech,sound")
            options+=("--${part}_shape_file" "${directory}/utt2num_samples")
        done
        train "${voc_exp}/train.log" "${python}" -m espnet2_ext.bin.vocoder_train \
            --config "${voc_config}" "${options[@]}" \
            ${init_generator:+--init_generator "${init_generator}"} "${extra_training[@]}"
        mark_done "${voc_exp}" "${print}"
    fi
fi

if begin 5 "copy synthesis, scores and ${expdir}/RESULTS.md"; then
    page=(--results_path "${expdir}/results.jsonl")
    for name in "${scored[@]}"; do
        results=${voc_exp}/resynthesis_${inference_model%.pth}/${name}
        title="Vocoders: ${voc_tag}${corpus_note:+ (${corpus_note})}, ${name}"
        print=$(fingerprint "${raw}/${name}/wav.scp" "${voc_exp}/${inference_model}" "${references}" "${title}")
        if [ -f "${expdir}/results.jsonl" ] && is_done "${results}" "${print}"; then continue; fi
        compute "${results}/score.log" "${inference_ngpu}" "${python}" -m espnet2_ext.bin.score vocoder \
            --data_dir "${raw}/${name}" --output_dir "${results}" "${page[@]}" --table "${title}" \
            --protocol "true mels of ${name}, vocoder trained on ${train_set}" \
            --vocoders "voc_${voc_tag}=${voc_exp}/${inference_model}" "${others[@]}" \
            --num_workers "${workers}" --device "${device}"
        mark_done "${results}" "${print}"
    done
    show_results
fi

log "Finished in ${SECONDS} s"
