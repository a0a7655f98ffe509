#!/usr/bin/env bash
# Fine-tune a pretrained Prosody2Vec on emotional speech, convert emotions and score them;
# `./evc.sh --help` says how. What is as in pretraining is done by p2v.sh.
# shellcheck disable=SC2154  # some variables are set by the options of the pretrained model
set -euo pipefail
. common/log.sh
. common/help.sh
SECONDS=0

# options
## General
stage=1                     # first stage
stop_stage=10000            # last stage
skip_stages=                # stages to leave out, such as "3 7"
skip_data_prep=false        # leave out stages 1 to 3
skip_train=false            # leave out stage 4
skip_eval=false             # leave out stages 5 to 9
ngpu=1                      # GPUs of a node for training; 0 trains on the CPU
num_nodes=1                 # nodes for training; above 1 needs cmd_backend=slurm
nj=32                       # processes of stages 1, 3 and 4 (statistics)
inference_nj=32             # processes of stages 5 to 7 and 9
gpu_inference=false         # a GPU for HuBERT, speaker vectors, conversion and scores
dumpdir=dump                # formatted audio, units and vectors
expdir=exp                  # models and results
python=python3              # interpreter
## Data: stages 1 and 3
db=                         # folder of the corpus; none: what db.sh names
train_set=                  # directory below data/
valid_set=                  # directory below data/
test_sets=                  # directories below data/ with pairs/same_voice, such as "test_a test_b"
local_data_opts=            # further options of local/data.sh
allow_pipes=false           # run the commands that stand in data/*/wav.scp
allow_utterance_speakers=false  # accept that (nearly) every utterance of train_set has a speaker of its own
max_wav_duration=20         # seconds; longer ones are left out of training and validation; not in paper
## References of the conversion: stage 1
pair_rules="same_voice parallel average"  # whose prosody is taken; the first one is compared most
num_references=5            # utterances that average takes the mean of
intensities="0 0.25 0.5 0.75 1"  # a in neutral + a x (reference - neutral)
intensity_pairs=10          # conversions of each target emotion that are done at every intensity
pairs_seed=0                # of what is drawn
## Fine-tuning: stages 2 and 4
p2v_model=                  # pretrained weights; units, speaker encoder and mel statistics are its own
evc_config=conf/train_evc.yaml  # ESPnet configuration, laid over the pretrained model's
evc_args=                   # further options of bin/p2v_train
evc_tag=                    # name of the experiment; none: from config and evc_args
evc_exp=                    # its directory; none: expdir/evc_TAG
precomputed_features=false  # train on mels kept by stage 4 instead of audio
## Conversion: stage 5
inference_model=valid.loss.best.pth  # weights in evc_exp
inference_config=           # file of generation limits
variance_compensation=false  # not in paper: restore the variance and level that validation shows to be lost
with_pretrained=true        # convert the first rule's pairs without fine-tuning too
vocoder=griffin_lim         # or a HiFi-GAN's hub name or directory; not in paper: which
## Scores: stages 6 and 7
emotion_model=              # recognisers of ser.sh, trained on other voices; none: no emotion accuracy
asr_model=                  # whisper for the word error rate, such as base (faster-whisper); none: leave it out
dnsmos=false                # predict the quality that listeners would rate (package speechmos)
published=false             # the rows of [P2V] Table VII beside ours (ESD)
corpus_note=                # stands in the titles of tables, such as "synthetic speech"
## Robustness: stage 9
with_robustness=false       # convert again from damaged units, noise and rooms, each pair 19 times
robustness_pairs=24         # of the first test set and rule, each of another source while there are some
# end of options
help_message="Usage: ./run.sh [--option VALUE ...] [--config FILE] [--print_config]

1 data and pairs  2 files of the pretrained model  3 wav, units, speaker vectors  4 fine-tuning
5 conversion  6 scores  7 intensity scale  8 report  9 robustness, where asked for
A complete stage is skipped (up to date); an interrupted run resumes where it stopped.
$(options_help "$0")"
# shellcheck disable=SC2034  # read by parse_options.sh
option_aliases="restore_contrast=variance_compensation cached_mels=precomputed_features"
. common/start.sh

if "${skip_data_prep}"; then skip_stages+=" 1 2 3"; fi
if "${skip_train}"; then skip_stages+=" 4"; fi
if "${skip_eval}"; then skip_stages+=" 5 6 7 8 9"; fi
for name in train_set valid_set test_sets pair_rules p2v_model evc_config; do
    [ -n "${!name}" ] || die "--${name} is needed"
done
[ -f "${evc_config}" ] || die "--evc_config ${evc_config}: no such file"
[ -f "${p2v_model}" ] || [ "${stop_stage}" -le 1 ] \
    || die "--p2v_model ${p2v_model}: no such weights; pretrain first (p2v.sh), or name others"
[ -z "${emotion_model}" ] || [ -e "${emotion_model}" ] || [ "${stop_stage}" -le 5 ] \
    || die "--emotion_model ${emotion_model}: not there; train it (ser.sh), or say --emotion_model ''"
read -r -a tests <<< "${test_sets}"
read -r -a rules <<< "${pair_rules}"
read -r -a steps <<< "${intensities}"
if [ -z "${evc_tag}" ]; then
    evc_tag=$(basename "${evc_config}" .yaml)$(tag_of "${evc_args}")
fi
raw=${dumpdir}/raw
evc_exp=${evc_exp:-${expdir}/evc_${evc_tag}} pretrained=${expdir}/pretrained_${evc_tag}
inference_tag=$(basename "${vocoder}")${inference_config:+_$(basename "${inference_config}" .yaml)}
tuned=${evc_exp}/${inference_tag}_${inference_model%.pth} untuned=${pretrained}/${inference_tag}
title="${evc_tag}${corpus_note:+ (${corpus_note})}" page=(--results_path "${expdir}/results.jsonl")
device=cpu inference_ngpu=0 compensation="variance compensation: ${variance_compensation}"
if "${gpu_inference}"; then device=cuda inference_ngpu=1; fi

# p2v FIRST LAST: stages of p2v.sh with the pretrained model's units, speaker encoder and statistics.
p2v() {
    ./p2v.sh --config "${pretrained}/p2v_options.sh" --stage "$1" --stop_stage "$2" \
        --train_set "${train_set}" --valid_set "${valid_set}" --test_sets "${test_sets}" \
        --dumpdir "${dumpdir}" --expdir "${expdir}" --python "${python}" --nj "${nj}" --ngpu "${ngpu}" \
        --num_nodes "${num_nodes}" --gpu_inference "${gpu_inference}" \
        --allow_pipes "${allow_pipes}" --allow_utterance_speakers "${allow_utterance_speakers}" \
        --max_wav_duration "${max_wav_duration}" --precomputed_features "${precomputed_features}" \
        --p2v_exp "${evc_exp}" --p2v_stats_dir "${expdir}/evc_stats_16k" \
        --p2v_args "${p2v_args} ${evc_args}"
}

# What all conversions have in common.
converting=(--vocoder "${vocoder}" --num_workers "${inference_nj}")
if "${variance_compensation}"; then
    converting+=(--compensation_data_dir "${raw}/${valid_set}" --compensation_speaker_dir "${raw}/${train_set}")
fi
if [ -n "${inference_config}" ]; then converting+=(--inference_config "${inference_config}"); fi

# convert WEIGHTS CONFIG RESULTS SET RULE: convert the pairs of a rule.
convert() {
    compute "$3/$4/$5/inference.log" "${inference_ngpu}" \
        "${python}" -m espnet2_ext.bin.p2v_inference --model_file "$1" --train_config "$2" \
        --data_dir "${raw}/$4" --unit_tag "${unit_tag}" --pairs_dir "data/$4/pairs/$5" \
        --output_dir "$3/$4/$5" --ngpu "${inference_ngpu}" "${converting[@]}"
}

# The evaluation models, beside the speaker encoder.
models=(${emotion_model:+--emotion_model "${emotion_model}"} ${asr_model:+--word_error_rate "${asr_model}"})
if "${dnsmos}"; then models+=(--dnsmos); fi

# score CONFIG RESULTS SET RULE ROW [OPTION...]: score the conversions of a rule under a name.
score() {
    # What columns says changes with the columns, so that scores which lack some are made again.
    local results=$2/$3/$4 pairs=data/$3/pairs/$4 columns="F0-RMSE, padded" print
    print=$(fingerprint "${results}/settings.json" "${title}" "${kmeans_centroids}" "${models[@]}" "${@:5}" \
        "${columns}" "${pairs}"/*)
    if [ -f "${expdir}/results.jsonl" ] && is_done "${results}" "${print}"; then return; fi
    compute "${results}/score.log" "${inference_ngpu}" \
        "${python}" -m espnet2_ext.bin.score conversion --inference_dir "${results}" \
        --data_dir "${raw}/$3" --pairs_dir "${pairs}" --centroids_path "${kmeans_centroids}" \
        --unit_tag "${unit_tag}" "${page[@]}" --table "${title}, $3" --row_name "$5" \
        --protocol "${pairs}: $(cat "${pairs}/rule"), ${compensation}" \
        --train_config "$1" --vocoder "${vocoder}" --num_workers "${inference_nj}" --device "${device}" \
        --speaker_encoder "${speaker_encoder}" "${models[@]}" "${@:6}"
    mark_done "${results}" "${print}"
}

if begin 1 "data/{${train_set},${valid_set},${test_sets// /,}} by local/data.sh, and pairs"; then
    prepare_data
    for name in "${tests[@]}"; do
        "${python}" -m espnet2_ext.bin.derive_pairs --data_dir "data/${name}" \
            --pairs_dir "data/${name}/pairs/same_voice" --num_references "${num_references}" \
            --intensities "${steps[@]}" --pairs_per_condition "${intensity_pairs}" --seed "${pairs_seed}"
    done
fi

if begin 2 "files of ${p2v_model} in ${pretrained}"; then
    "${python}" -m espnet2_ext.bin.prepare_fine_tuning --model_file "${p2v_model}" \
        --config "${evc_config}" --out_dir "${pretrained}"
fi
if [ "${stop_stage}" -ge 3 ]; then
    [ -f "${pretrained}/p2v_options.sh" ] || die "${pretrained}/p2v_options.sh: missing; run stage 2"
    # shellcheck source=/dev/null
    . "${pretrained}/p2v_options.sh"
    unit_tag=${kmeans_feature//\//_}_${nclusters}
fi

if begin 3 "16 kHz flac, ${nclusters:-} units and speaker vectors in ${raw}"; then p2v 2 6; fi
if begin 4 "fine-tuning in ${evc_exp}"; then
    write_run_script "${evc_exp}" 4
    p2v 7 8
fi

if begin 5 "conversion in ${tuned}"; then
    for name in "${tests[@]}"; do
        for rule in "${rules[@]}" intensity; do
            convert "${evc_exp}/${inference_model}" "${evc_exp}/config.yaml" "${tuned}" "${name}" "${rule}"
        done
        if "${with_pretrained}"; then
            convert "${pretrained}/model.pth" "${pretrained}/config.yaml" "${untuned}" "${name}" "${rules[0]}"
        fi
    done
fi

if begin 6 "scores in ${expdir}/results.jsonl"; then
    for name in "${tests[@]}"; do
        for rule in "${rules[@]}"; do
            others=() # source, copy synthesis and the paper's rows are the same for every rule
            if [ "${rule}" != "${rules[0]}" ]; then
                others=(--without_reference_rows)
            elif "${published}"; then
                others=(--with_published)
            fi
            score "${evc_exp}/config.yaml" "${tuned}" "${name}" "${rule}" "converted, ${rule}" "${others[@]}"
        done
        if "${with_pretrained}"; then
            score "${pretrained}/config.yaml" "${untuned}" "${name}" "${rules[0]}" \
                "converted, ${rules[0]}, not fine-tuned" --without_reference_rows
        fi
    done
fi

if begin 7 "intensity scale"; then
    for name in "${tests[@]}"; do
        pairs=data/${name}/pairs/intensity
        "${python}" -m espnet2_ext.bin.score intensity --inference_dir "${tuned}/${name}/intensity" \
            --data_dir "${raw}/${name}" --pairs_dir "${pairs}" "${page[@]}" \
            --table "Intensity: ${title}, ${name}" --num_workers "${inference_nj}" \
            --protocol "${pairs}: $(cat "${pairs}/rule"); drawn with seed ${pairs_seed}, vocoder ${vocoder}, ${compensation}"
    done
fi

if begin 8 "figures, audio and ${expdir}/RESULTS.md"; then
    for name in "${tests[@]}"; do
        "${python}" -m espnet2_ext.bin.report conversion --inference_dir "${tuned}/${name}/${rules[0]}" \
            --data_dir "${raw}/${name}" --pairs_dir "data/${name}/pairs/${rules[0]}" "${page[@]}" \
            --title "Examples: ${title}, ${name}, ${rules[0]}" --train_dir "${evc_exp}" \
            --output_dir "${expdir}/report/${evc_tag}/${name}/${rules[0]}"
    done
    "${python}" -m espnet2_ext.bin.score speaker_vectors --data_dirs "${tests[@]/#/${raw}/}" "${page[@]}" \
        --protocol "encoder ${speaker_encoder}" --table "Speaker vectors${corpus_note:+ (${corpus_note})}"
    show_results
fi

if "${with_robustness}" && begin 9 "robustness against damaged sources in ${expdir}/RESULTS.md"; then
    study=${tuned}/${tests[0]}/robustness
    compute "${study}/robustness.log" "${inference_ngpu}" "${python}" -m espnet2_ext.bin.robustness \
        --model_file "${evc_exp}/${inference_model}" --train_config "${evc_exp}/config.yaml" \
        --data_dir "${raw}/${tests[0]}" --pairs_dir "data/${tests[0]}/pairs/${rules[0]}" \
        --unit_tag "${unit_tag}" --centroids_path "${kmeans_centroids}" --max_pairs "${robustness_pairs}" \
        --out_dir "${study}" --device "${device}" "${converting[@]}" "${page[@]}" \
        --table "Robustness: ${title}, ${tests[0]}, ${rules[0]}"
    show_results
fi

log "Finished in ${SECONDS} s"
