#!/usr/bin/env bash
# Transfer style with a pretrained Prosody2Vec, across languages, within and between emotions and
# from singing, and score it ([P2V] V); `./style.sh --help` says how. Nothing is trained.
set -euo pipefail
. common/log.sh
. common/help.sh
SECONDS=0

# options
## General
stage=1                     # first stage
stop_stage=10000            # last stage
skip_stages=                # stages to leave out, such as "1 4"
skip_data_prep=false        # leave out stage 1
skip_eval=false             # leave out stages 3 and 4
inference_nj=32             # processes of stages 1 and 3
gpu_inference=false         # a GPU for the model, HuBERT and HiFi-GAN
expdir=exp                  # conversions and results
python=python3              # interpreter
## Lists: stage 1
# data/SET/list.tsv has tabs between its columns: name condition source prosody speaker text.
# The last two may be left out; an empty speaker is the source's voice. Without local/data.sh
# write a list by hand and begin at stage 2.
db=                         # folder of the corpus; none: what db.sh names
test_sets=                  # directories below data/ with list.tsv, such as "set_a set_b"
local_data_opts=            # further options of local/data.sh
## Conversion: stage 2
p2v_model=                  # pretrained weights; units, voices and mels are their own
p2v_config=                 # config.yaml of the training; none: beside the weights
centroids=                  # k-means file; none: that of the training
speaker_encoder=            # hub name or directory; none: that of the training
vocoder=griffin_lim         # or a HiFi-GAN's hub name or directory
variance_compensation=false  # not in paper: as for p2v.sh, by what was measured there for these weights
max_segment_s=10            # seconds; longer sources are split at pauses
style_tag=                  # name of the experiment; none: that of the model's directory
style_exp=                  # its directory; none: expdir/style_TAG
## Scores and figures: stages 3 and 4
f0_method=dio               # of the scores: praat, dio or harvest; figures are drawn by Praat
figures_per_condition=2     # conversions of each condition that are drawn
corpus_note=                # stands in the titles of tables, such as "synthetic speech"
# end of options
help_message="Usage: ./run.sh [--option VALUE ...] [--config FILE] [--print_config]

1 data and lists  2 conversion  3 scores  4 figures and RESULTS.md
A complete stage is skipped (up to date); an interrupted run resumes where it stopped.
$(options_help "$0")"
# shellcheck disable=SC2034  # read by stage.sh
ngpu=0 num_nodes=1 nj=${inference_nj}
# shellcheck disable=SC2034  # read by parse_options.sh
option_aliases="restore_contrast=variance_compensation"
. common/start.sh

if "${skip_data_prep}"; then skip_stages+=" 1"; fi
if "${skip_eval}"; then skip_stages+=" 3 4"; fi
for name in test_sets p2v_model; do
    [ -n "${!name}" ] || die "--${name} is needed"
done
[ -f "${p2v_model}" ] || [ "${stop_stage}" -le 1 ] \
    || die "--p2v_model ${p2v_model}: no such weights; pretrain first (p2v.sh), or name others"
read -r -a tests <<< "${test_sets}"
if [ -z "${style_tag}" ]; then style_tag=$(basename "$(dirname "${p2v_model}")"); fi
results=${style_exp:-${expdir}/style_${style_tag}}/$(basename "${vocoder}")
title="Style transfer: ${style_tag}${corpus_note:+ (${corpus_note})}"
page=(--results_path "${expdir}/results.jsonl")
model=(--model_file "${p2v_model}" ${p2v_config:+--train_config "${p2v_config}"}
    ${centroids:+--centroids "${centroids}"} ${speaker_encoder:+--speaker_encoder "${speaker_encoder}"}
    --vocoder "${vocoder}")
device=cpu inference_ngpu=0 compensation="variance compensation: ${variance_compensation}"
if "${gpu_inference}"; then device=cuda inference_ngpu=1; fi

if begin 1 "data/{${test_sets// /,}}/list.tsv by local/data.sh"; then prepare_data; fi

if begin 2 "conversion in ${results}"; then
    for name in "${tests[@]}"; do
        compute "${results}/${name}/convert.log" "${inference_ngpu}" \
            "${python}" -m espnet2_ext.bin.convert_list --list "data/${name}/list.tsv" "${model[@]}" \
            --out_dir "${results}/${name}" --max_segment_s "${max_segment_s}" --device "${device}" \
            --variance_compensation "${variance_compensation}"
    done
fi

if begin 3 "scores in ${expdir}/results.jsonl"; then
    for name in "${tests[@]}"; do
        print=$(fingerprint "${results}/${name}/conversions.tsv" "data/${name}/list.tsv" "${title}" \
            "${f0_method}" "${centroids}")
        if [ -f "${expdir}/results.jsonl" ] && is_done "${results}/${name}" "${print}"; then continue; fi
        compute "${results}/${name}/score.log" "${inference_ngpu}" \
            "${python}" -m espnet2_ext.bin.score style --list "data/${name}/list.tsv" "${model[@]}" \
            --out_dir "${results}/${name}" "${page[@]}" --table "${title}, ${name}" \
            --protocol "data/${name}/list.tsv, model ${style_tag}/$(basename "${p2v_model}"), ${compensation}" \
            --f0_method "${f0_method}" --num_workers "${inference_nj}" --device "${device}"
        mark_done "${results}/${name}" "${print}"
    done
fi

if begin 4 "figures, audio and ${expdir}/RESULTS.md"; then
    for name in "${tests[@]}"; do
        "${python}" -m espnet2_ext.bin.report style --list "data/${name}/list.tsv" "${page[@]}" \
            --conversions_dir "${results}/${name}" --output_dir "${expdir}/report/${style_tag}/${name}" \
            --title "Examples: ${title}, ${name}" --per_condition "${figures_per_condition}"
    done
    show_results
fi

log "Finished in ${SECONDS} s"
