#!/usr/bin/env bash
# Emotion recognition with a pretrained prosody encoder; `./ser.sh --help` says how.
set -euo pipefail
. common/log.sh
. common/help.sh
SECONDS=0

# options
## General
stage=1                     # first stage
stop_stage=10000            # last stage
skip_stages=                # stages to leave out, such as "3 5"
skip_data_prep=false        # leave out stages 1 to 5
skip_train=false            # leave out stages 6 and 7
skip_eval=false             # leave out stage 8
ngpu=1                      # GPUs: each trains one fold at a time; 0 trains on the CPU
nj=32                       # processes of the data stages
train_nj=1                  # folds trained at a time; on a cluster an array of so many jobs, one GPU each
dumpdir=dump                # formatted audio
expdir=exp                  # models and results
python=python3              # interpreter
## Data: stages 1 and 2
db=                         # folder of the corpus; none: what db.sh names
train_set=                  # directory below data/, of which the protocols make folds
valid_set=                  # directory below data/, for protocol given alone: the others draw it from train_set
test_sets=                  # as valid_set, such as "test_a test_b", which are scored together
local_data_opts=            # further options of local/data.sh
allow_pipes=false           # run the commands that stand in wav.scp
allow_utterance_speakers=false  # accept that (nearly) every utterance has a speaker of its own
emotions="neutral happy angry sad"  # classes in their order
## Folds: stage 3
protocols="loso:0 lospko:0"  # NAME:SEED,SEED of bin/ser_folds --help; seeds are of the training
folds_seed=0                # of everything that a protocol draws
max_train=                  # cut each training list to so many utterances
superb_lists=downloads/superb_lists  # S3PRL's lists for protocol superb (downstream/emotion/meta_data)
pretraining_data=           # all data directories of pretraining; none: those that p2v_model's files name
allow=                      # overlaps to accept and print, such as "pretraining/test:sentence"
## Models: stages 4 to 7
p2v_model=                  # weights of p2v.sh; none: only systems that need none
upstream=                   # frozen S3PRL upstream whose vectors are cached; none: none
upstream_path=              # its checkpoint or directory
speaker_statistics=others   # of an explicit P2V model's contours: of the speaker's other utterances (transductive), or own: the utterance's
ser_configs=                # conf/train_ser_<system>.yaml, one row each; FILE:1 takes the first seed alone
balanced=false              # weight the loss by class
ser_args=                   # further options of the task, such as "--max_epoch 30"
ser_tag=                    # name of the experiment, for titles of tables; none: none
ser_exp=                    # its directory, RESULTS.md included; none: expdir/TAG, or expdir without a tag
ser_stats_dir=              # none: ser_exp/ser_stats_16k
## Scores: stage 8
units=                      # vocabulary of the P2V model, for the names of rows
comparisons=                # pairs of systems to test against each other, such as "p2v:fbank"
published=false             # add a table of figures from the literature (IEMOCAP)
corpus_note=                # stands in the titles of tables, such as "synthetic speech"
# end of options

help_message="Usage: ./run.sh [--option VALUE ...] [--config FILE] [--print_config]

1 data  2 format wav  3 folds and leak check  4 prosody encoder of a P2V model
5 vectors of a frozen upstream  6 mels or contours  7 training of all folds and seeds  8 scores
A complete stage is skipped (up to date); an interrupted run resumes where it stopped.
$(options_help "$0")"
# shellcheck disable=SC2034  # read by parse_options.sh
option_aliases="ser_set=train_set"
. common/start.sh

[ -n "${train_set}" ] || die "--train_set is needed: a directory below data/"
[ -n "${ser_configs}" ] || die "--ser_configs is needed: configurations of systems"
if "${skip_data_prep}"; then skip_stages+=" 1 2 3 4 5"; fi
if "${skip_train}"; then skip_stages+=" 6 7"; fi
if "${skip_eval}"; then skip_stages+=" 8"; fi
read -r -a sets <<< "${train_set} ${valid_set} ${test_sets}"
read -r -a emotion_list <<< "${emotions}"
read -r -a protocol_list <<< "${protocols}"
read -r -a config_list <<< "${ser_configs}"
read -r -a before <<< "${pretraining_data}"
read -r -a allowed <<< "${allow}"
read -r -a pairs <<< "${comparisons}"
read -r -a extra <<< "${ser_args}"
name=$(IFS=+; echo "${sets[*]}")
raw=${dumpdir}/raw/${name}
folds=data/${name}/folds
ser_exp=${ser_exp:-${expdir}${ser_tag:+/${ser_tag}}}
encoder=${ser_exp}/prosody_encoder
vectors=${expdir}/upstream_${upstream}  # its name stands in configurations
stats=${ser_stats_dir:-${ser_exp}/ser_stats_16k}
device=$([ "${ngpu}" -gt 0 ] && echo cuda || echo cpu)
experiment=(--configs "${config_list[@]}" --folds_dir "${folds}" --protocols "${protocol_list[@]}"
    --data_dir "${raw}" --expdir "${ser_exp}" --emotions "${emotion_list[@]}")
pretrained=() weighting=() literature=() given=()
if [ ${#sets[@]} -gt 1 ]; then
    [ -n "${valid_set}" ] && [ -n "${test_sets}" ] || die "--valid_set and --test_sets go together"
    [[ ${protocols} =~ ^given(:[0-9,]*)?$ ]] \
        || die "--valid_set, --test_sets: --protocols ${protocols} draws them from train_set; give --protocols given:0"
    given=(--folds_csv "${folds}/given.csv")
fi
if [ -n "${p2v_model}" ]; then pretrained=(--prosody_encoder_dir "${encoder}"); fi
if "${balanced}"; then weighting=(--balanced); fi
if "${published}"; then literature=(--with_published); fi

if begin 1 "data in data/{${sets[*]}} by local/data.sh"; then prepare_data; fi

if begin 2 "16 kHz mono flac in ${raw}"; then
    for each in "${sets[@]}"; do
        "${python}" -m espnet2_ext.bin.format_wav --data_dir "data/${each}" --out_dir "${dumpdir}/raw/${each}" \
            --num_workers "${nj}" --allow_pipes "${allow_pipes}" \
            --allow_utterance_speakers "${allow_utterance_speakers}"
    done
    [ ${#sets[@]} -eq 1 ] || "${python}" -m espnet2_ext.bin.combine_data --out_dir "${raw}" \
        --data_dirs "${sets[@]/#/${dumpdir}/raw/}"
fi

if begin 3 "folds and leak check in ${folds}"; then
    if [ ${#given[@]} -gt 0 ]; then
        mkdir -p "${folds}"
        for each in "${sets[@]}"; do
            part="test"
            if [ "${each}" = "${train_set}" ]; then part=train; fi
            if [ "${each}" = "${valid_set}" ]; then part=valid; fi
            awk -v part="${part}" 'NR == FNR { kept[$1]; next } $1 in kept { print $1 "," part }' \
                "${raw}/utt2emo" "${dumpdir}/raw/${each}/utt2emo"
        done | sed '1i utterance,part' > "${folds}/given.csv"
    fi
    for protocol in "${protocol_list[@]}"; do
        "${python}" -m espnet2_ext.bin.ser_folds --data_dir "${raw}" --out_dir "${folds}" \
            --protocol "${protocol%%:*}" --seed "${folds_seed}" ${max_train:+--max_train "${max_train}"} \
            --superb_lists "${superb_lists}" "${given[@]}" ${p2v_model:+--pretrained_model "${p2v_model}"} \
            ${before[@]:+--pretraining_data_dirs "${before[@]}"} ${allowed[@]:+--allow "${allowed[@]}"}
    done
fi

if begin 4 "prosody encoder in ${encoder}" && [ -n "${p2v_model}" ]; then
    "${python}" -m espnet2_ext.bin.export_prosody_encoder --model_file "${p2v_model}" \
        --out_dir "${encoder}"
fi

if begin 5 "vectors of ${upstream:-no upstream}" && [ -n "${upstream}" ]; then
    compute "${vectors}.log" "${ngpu}" \
        "${python}" -m espnet2_ext.bin.cache_upstream_vectors --data_dir "${raw}" --device "${device}" \
        --out_dir "${vectors}" --upstream "${upstream}" ${upstream_path:+--path_or_url "${upstream_path}"} \
        --num_workers "${nj}"
fi

if begin 6 "mels, or contours for an explicit P2V model, in ${stats}"; then
    # They depend on the audio and on how the mels of the P2V model are computed.
    features='' explicit=false
    if [ -n "${p2v_model}" ]; then
        features=$(sed -n '/^features_conf:/,/^[^ ]/p' "${encoder}/config.yaml")
        explicit=$(grep -q '^prosody_path: explicit' "${encoder}/config.yaml" && echo true || echo false)
    fi
    print=$(fingerprint "${raw}"/{wav.scp,utt2num_samples,utt2emo} "${features}")
    if "${explicit}"; then
        in_shares "${stats}/contours.log" 0 "${python}" -m espnet2_ext.bin.extract_contours \
            --data_dir "${raw}" --train_config "${encoder}/config.yaml" --num_workers "${nj}"
        "${python}" -m espnet2_ext.bin.write_prosody_input --data_dir "${raw}" --out_dir "${stats}" \
            --prosody_encoder_dir "${encoder}" --speaker_statistics "${speaker_statistics}"
    elif ! is_done "${stats}" "${print}"; then
        tables=()
        for part in train valid; do
            for table in "${raw}/wav.scp,speech,sound" "${raw}/utt2emo,emotion,text"; do
                tables+=("--${part}_data_path_and_name_and_type" "${table}")
            done
        done
        collect_stats "${stats}" "${nj}" "${raw}/wav.scp" "${raw}/wav.scp" \
            "${python}" -m espnet2_ext.bin.ser_train --prosody_init random "${pretrained[@]}" \
            --emotions "${emotion_list[@]}" "${tables[@]}" --write_collected_feats true
        mark_done "${stats}" "${print}"
    fi
fi

if begin 7 "training of all folds in ${ser_exp}/ser_*"; then
    write_run_script "${ser_exp}" 7
    training=("${python}" -m espnet2_ext.bin.ser_train_folds "${experiment[@]}" --stats_dir "${stats}"
        "${pretrained[@]}" "${weighting[@]}")
    if [ "${cmd_backend}" = local ] || [ "${train_nj}" -eq 1 ]; then
        compute "${ser_exp}/ser_train_folds.log" "${ngpu}" \
            "${training[@]}" --nj "${train_nj}" --ngpu "${ngpu}" "${extra[@]}"
    else
        ${cuda_cmd} --gpu "$((ngpu > 0))" JOB=1:"${train_nj}" "${ser_exp}/ser_train_folds.JOB.log" \
            "${training[@]}" --nj 1 --ngpu "$((ngpu > 0))" --share "JOB/${train_nj}" "${extra[@]}"
    fi
fi

if begin 8 "scores in ${ser_exp}/RESULTS.md"; then
    "${python}" -m espnet2_ext.bin.ser_score "${experiment[@]}" \
        --title "Emotion recognition${ser_tag:+, ${ser_tag}}${corpus_note:+ (${corpus_note})}" \
        ${units:+--units "${units}"} ${pairs[@]:+--comparisons "${pairs[@]}"} "${literature[@]}"
    show_results "${ser_exp}"
fi

log "Finished in ${SECONDS} s"
