#!/usr/bin/env bash
# Pretrain Prosody2Vec on a corpus and convert with it; `./p2v.sh --help` says how.
set -euo pipefail
. common/log.sh
. common/help.sh
SECONDS=0

# options
## General
stage=1                     # first stage
stop_stage=10000            # last stage
skip_stages=                # stages to leave out, such as "3 5"
skip_data_prep=false        # leave out stages 1 to 6
skip_train=false            # leave out stages 7 and 8
skip_eval=false             # leave out stages 9 and 10
ngpu=1                      # GPUs of a node for training; 0 trains on the CPU
num_nodes=1                 # nodes for training; above 1 needs cmd_backend=slurm
nj=32                       # processes of stages 1 to 7
inference_nj=32             # processes of stages 9 and 10
gpu_inference=false         # a GPU for HuBERT, speaker vectors and inference
dumpdir=dump                # formatted audio, units and vectors
expdir=exp                  # models and results
python=python3              # interpreter
dry_run=false               # let local/data.sh say what it will cost, and stop (mixtures of corpora)
## Data: stages 1 to 3 and 6
db=                         # folder of the corpus, or "LRS3=DIR OMG=DIR" of several; none: what db.sh names
train_set=                  # directory below data/
valid_set=                  # directory below data/
test_sets=                  # directories below data/, such as "test_a test_b"; none: no stages 9 and 10
local_data_opts=            # options of local/data.sh
allow_pipes=false           # run the commands that stand in data/*/wav.scp
allow_utterance_speakers=false  # accept that (nearly) every utterance of train_set has a speaker of its own
speed_perturb_factors=      # of the training set, such as "0.9 1.0 1.1"
audio_format=flac           # in dumpdir; only flac
fs=16000                    # sampling rate; only 16000, which HuBERT and the vocoder need
min_wav_duration=0.1        # seconds; shorter utterances are left out; not in paper
max_wav_duration=20         # seconds; longer ones are left out of training and validation; not in paper
## Units and speakers: stages 4 and 5
kmeans_feature=hubert_base/6  # mfcc, or S3PRL upstream and layer; not in paper: which layer
nclusters=100               # how many units
kmeans_path_or_url=         # checkpoint or directory, for upstreams such as hf_hubert_custom/6
kmeans_portion=1.0          # share of the training utterances that k-means looks at; not in paper
kmeans_max_frames=1000000   # frames of them that are clustered; not in paper
kmeans_switch_penalty=0.0   # price of a change of unit, which smooths mfcc units; not in paper: 0 is off
kmeans_centroids=           # learn none: take this centroids.npz of bin/import_kmeans
speaker_encoder=speechbrain/spkrec-ecapa-voxceleb  # hub name or directory; train: a small one; not in paper: whose
## Training: stages 7 and 8
p2v_config=conf/train_p2v.yaml  # ESPnet configuration
p2v_args=                   # further options of bin/p2v_train
p2v_tag=                    # name of the experiment; none: from config, units and p2v_args
p2v_exp=                    # its directory; none: expdir/p2v_TAG
p2v_stats_dir=              # none: expdir/p2v_stats_16k
num_splits=1                # parts of the tables in training, which has one in memory (large corpora)
precomputed_features=false  # keep the mels of stage 7 (20 kB/s) and train on them, not on audio
pretrained_model=           # weights to start from (ESPnet's --init_param)
ignore_init_mismatch=false  # let them lack or exceed layers
## Inference and report: stages 9 and 10, for every data/<test set>/pairs/<name>
inference_model=valid.loss.best.pth  # weights in p2v_exp
inference_config=           # file of generation limits
variance_compensation=false  # not in paper: restore the variance and level that validation shows to be lost
inference_args=             # further options of bin/p2v_inference
inference_tag=              # name of the results; none: from vocoder, options and model
vocoder=griffin_lim         # or a HiFi-GAN's hub name or directory; not in paper: which
corpus_note=                # for titles of tables; none: what local/corpus_note.sh says, if there
# end of options
help_message="Usage: ./run.sh [--option VALUE ...] [--config FILE] [--print_config]

1 data  2 format wav  3 speed perturbation  4 k-means and units  5 speaker vectors
6 length filter, voices of validation, prosody contours (prosody_path: explicit)  7 statistics  8 training  9 inference  10 scores and report
A complete stage is skipped (up to date); an interrupted run resumes where it stopped.
$(options_help "$0")"
# shellcheck disable=SC2034  # read by parse_options.sh
option_aliases="restore_contrast=variance_compensation cached_mels=precomputed_features"
. common/start.sh
. common/splits.sh
if "${dry_run}"; then estimate_only; fi

[ "${audio_format}" = flac ] || die "--audio_format ${audio_format}: only flac is written"
[[ ${num_splits} =~ ^[1-9][0-9]*$ ]] || die "--num_splits ${num_splits}: a number from 1 on"
[[ ${fs} =~ ^16(000|k)$ ]] || die "--fs ${fs}: only 16000; audio of any rate is resampled"
for name in train_set valid_set p2v_config; do
    [ -n "${!name}" ] || die "--${name} is needed"
done
[ -f "${p2v_config}" ] || die "--p2v_config ${p2v_config}: no such file"
if "${skip_data_prep}"; then skip_stages+=" 1 2 3 4 5 6"; fi
if "${skip_train}"; then skip_stages+=" 7 8"; fi
if "${skip_eval}" || [ -z "${test_sets}" ]; then skip_stages+=" 9 10"; fi

org=${dumpdir}/org raw=${dumpdir}/raw logs=${dumpdir}/log
train_sp=${train_set}${speed_perturb_factors:+_sp}
# shellcheck disable=SC2206  # lists of names and of options
tests=(${test_sets}) factors=(${speed_perturb_factors}) voices=() \
    extra_training=(${p2v_args}) extra_inference=(${inference_args})
unit_tag=${kmeans_feature//\//_}_${nclusters}
centroids=${kmeans_centroids:-${expdir}/kmeans/${unit_tag}/centroids.npz}
encoder=${speaker_encoder}
if [ "${encoder}" = train ]; then encoder=${expdir}/speaker_encoder; fi
explicit=$(grep -q '^prosody_path: *explicit' "${p2v_config}" && echo true || echo false)
device=cpu inference_ngpu=0
if "${gpu_inference}"; then device=cuda inference_ngpu=1; fi
tag=$(basename "${p2v_config}" .yaml)_${unit_tag}${speed_perturb_factors:+_sp}
p2v_tag=${p2v_tag:-${tag}$(tag_of "${p2v_args}")}
p2v_exp=${p2v_exp:-${expdir}/p2v_${p2v_tag}}
p2v_stats_dir=${p2v_stats_dir:-${expdir}/p2v_stats_16k${speed_perturb_factors:+_sp}}
tag=$(basename "${vocoder}")${inference_config:+_$(basename "${inference_config}" .yaml)}
tag+=$(tag_of "${inference_args}")
inference_tag=${inference_tag:-${tag}_${inference_model%.pth}}

if begin 1 "data/{${train_set},${valid_set},${test_sets// /,}} by local/data.sh"; then prepare_data; fi

if begin 2 "16 kHz mono flac in ${org}"; then
    for name in "${train_set}" "${valid_set}" "${tests[@]}"; do
        alone=true  # training utterances give the others their voice, or pairs say whose it is
        if [ "${name}" = "${train_set}" ]; then alone=${allow_utterance_speakers}; fi
        in_shares "${logs}/format_wav_${name}.log" 0 "${python}" -m espnet2_ext.bin.format_wav \
            --data_dir "data/${name}" --out_dir "${org}/${name}" --allow_pipes "${allow_pipes}" \
            --allow_utterance_speakers "${alone}" --min_duration_s "${min_wav_duration}" --num_workers "${nj}"
    done
fi

if [ -n "${speed_perturb_factors}" ] && begin 3 "speeds ${speed_perturb_factors} in ${org}/${train_sp}"; then
    in_shares "${logs}/perturb_speed.log" 0 "${python}" -m espnet2_ext.bin.perturb_speed \
        --data_dir "${org}/${train_set}" --out_dir "${org}/${train_sp}" \
        --factors "${factors[@]}" --num_workers "${nj}"
fi

if begin 4 "${nclusters} units of ${kmeans_feature}: ${centroids}"; then
    [ -n "${kmeans_centroids}" ] || compute "${logs}/kmeans.log" "${inference_ngpu}" \
        "${python}" -m espnet2_ext.bin.learn_kmeans --data_dir "${org}/${train_set}" \
        --out_path "${centroids}" --features_spec "${kmeans_feature}" --num_clusters "${nclusters}" \
        --portion "${kmeans_portion}" --max_frames "${kmeans_max_frames}" --device "${device}" \
        --switch_penalty "${kmeans_switch_penalty}" \
        ${kmeans_path_or_url:+--path_or_url "${kmeans_path_or_url}"} --num_workers "${nj}"
    for name in "${train_sp}" "${valid_set}" "${tests[@]}"; do
        in_shares "${logs}/units_${name}.log" "${inference_ngpu}" \
            "${python}" -m espnet2_ext.bin.extract_units --data_dir "${org}/${name}" \
            --centroids_path "${centroids}" --device "${device}" --num_workers "${nj}" \
            ${kmeans_path_or_url:+--path_or_url "${kmeans_path_or_url}"}
    done
fi

if begin 5 "speaker vectors of ${encoder}"; then
    [ "${speaker_encoder}" != train ] || compute "${logs}/speaker_encoder.log" "${inference_ngpu}" \
        "${python}" -m espnet2_ext.bin.train_speaker_encoder --data_dir "${org}/${train_set}" \
        --out_dir "${encoder}" --device "${device}"
    for name in "${train_sp}" "${valid_set}" "${tests[@]}"; do
        in_shares "${logs}/speaker_vectors_${name}.log" "${inference_ngpu}" \
            "${python}" -m espnet2_ext.bin.extract_speaker_vectors --data_dir "${org}/${name}" \
            --source "${encoder}" --device "${device}" --num_workers "${nj}"
    done
fi

if begin 6 "utterances of ${min_wav_duration} to ${max_wav_duration} s in ${raw}"; then
    for name in "${train_sp}" "${valid_set}"; do
        "${python}" -m espnet2_ext.bin.filter_length --data_dir "${org}/${name}" \
            --out_dir "${raw}/${name}" --min_duration_s "${min_wav_duration}" \
            --max_duration_s "${max_wav_duration}" "${voices[@]}"
        voices=(--speaker_dir "${raw}/${train_sp}")  # validation hears another utterance of the speaker
    done
    for name in "${tests[@]}"; do  # nothing is left out of a test
        "${python}" -m espnet2_ext.bin.combine_data --out_dir "${raw}/${name}" --data_dirs "${org}/${name}"
    done
    for name in "${train_sp}" "${valid_set}" "${tests[@]}"; do
        ! "${explicit}" || in_shares "${logs}/contours_${name}.log" 0 "${python}" -m espnet2_ext.bin.extract_contours \
            --data_dir "${raw}/${name}" --train_config "${p2v_config}" --num_workers "${nj}"
    done
fi

training=("${python}" -m espnet2_ext.bin.p2v_train --config "${p2v_config}" --use_preprocessor true
    --centroids "${centroids}")
tables=("${centroids}") audio=() mels=() kept=()
for part in train valid; do
    directory=${raw}/$([ "${part}" = train ] && echo "${train_sp}" || echo "${valid_set}")
    option=--${part}_data_path_and_name_and_type
    audio+=("${option}" "${directory}/wav.scp,speech,sound") tables+=("${directory}/wav.scp")
    kept+=("${p2v_stats_dir}/${part}/collect_feats/feats.scp")
    mels+=("${option}" "${kept[-1]},feats,npy")
    for data in {"units_${unit_tag},units","unit_durations_${unit_tag},unit_durations"},text_int; do
        training+=("${option}" "${directory}/${data}")
        tables+=("${directory}/${data%%,*}")
    done
    if "${explicit}"; then
        training+=("${option}" "${directory}/contours.scp,contours,npy")
        tables+=("${directory}/contours.json" "${directory}/utt2prosody")
    fi
    training+=("--${part}_speaker_dir" "${directory}")
    tables+=("${directory}/utt2num_samples" "${org}/$(basename "${directory}")/spk_embed.json")
done
if ! "${precomputed_features}"; then kept=() mels=("${audio[@]}"); fi

if begin 7 "statistics of the mel-spectrograms in ${p2v_stats_dir}"; then
    # They depend on the audio and, in the configuration, on how the mel is computed.
    print=$(fingerprint "${raw}"/{"${train_sp}","${valid_set}"}/{wav.scp,utt2num_samples} \
        "$(sed -n '/^features_conf:/,/^[^ ]/p' "${p2v_config}")")
    if ! is_done "${p2v_stats_dir}" "${print}" "${kept[@]}"; then
        collect_stats "${p2v_stats_dir}" "${nj}" "${raw}/${train_sp}/wav.scp" \
            "${raw}/${valid_set}/wav.scp" "${training[@]}" "${audio[@]}" \
            --write_collected_feats "${precomputed_features}" "${extra_training[@]}"
        mark_done "${p2v_stats_dir}" "${print}"
    fi
fi

if begin 8 "training in ${p2v_exp}"; then
    print=$(fingerprint "${tables[@]}" "${p2v_config}" "${p2v_args}" "${pretrained_model}" \
        "${p2v_stats_dir}/.done")
    if ! is_done "${p2v_exp}" "${print}"; then
        mark_begun "${p2v_exp}" "${print}"
        write_run_script "${p2v_exp}" 8
        training+=("${mels[@]}" --train_shape_file "${p2v_stats_dir}/train/speech_shape")
        split_tables "${num_splits}" "${p2v_stats_dir}/splits${num_splits}_${unit_tag}${kept[0]:+_mels}" training
        train "${p2v_exp}/train.log" "${training[@]}" --resume true --output_dir "${p2v_exp}" \
            --valid_shape_file "${p2v_stats_dir}/valid/speech_shape" \
            --normalize_conf "stats_file=${p2v_stats_dir}/train/feats_stats.npz" \
            ${pretrained_model:+--init_param "${pretrained_model}"} \
            --ignore_init_mismatch "${ignore_init_mismatch}" "${extra_training[@]}"
        mark_done "${p2v_exp}" "${print}"
    fi
fi

if begin 9 "conversion of data/*/pairs in ${p2v_exp}/${inference_tag}"; then
    for entry in $(list_pairs "${tests[@]}"); do
        results=${p2v_exp}/${inference_tag}/${entry}
        compute "${results}/inference.log" "${inference_ngpu}" \
            "${python}" -m espnet2_ext.bin.p2v_inference --model_file "${p2v_exp}/${inference_model}" \
            --train_config "${p2v_exp}/config.yaml" --data_dir "${raw}/${entry%/*}" --unit_tag "${unit_tag}" \
            --pairs_dir "data/${entry/\///pairs/}" --output_dir "${results}" --vocoder "${vocoder}" \
            --ngpu "${inference_ngpu}" --num_workers "${inference_nj}" --compensation_speaker_dir "${raw}/${train_sp}" \
            --compensation_data_dir "$("${variance_compensation}" && echo "${raw}/${valid_set}")" \
            ${inference_config:+--inference_config "${inference_config}"} "${extra_inference[@]}"
    done
fi

if begin 10 "scores, figures and ${expdir}/RESULTS.md"; then
    corpus_note=${corpus_note:-$([ ! -x local/corpus_note.sh ] || local/corpus_note.sh)}
    title="${p2v_tag}${corpus_note:+ (${corpus_note})}" page=(--results_path "${expdir}/results.jsonl")
    for entry in $(list_pairs "${tests[@]}"); do
        results=${p2v_exp}/${inference_tag}/${entry} pairs=data/${entry/\///pairs/}
        print=$(fingerprint "${results}/settings.json" "${centroids}" "${title}" "${pairs}"/*)
        if [ -f "${expdir}/results.jsonl" ] && is_done "${results}" "${print}"; then continue; fi
        inputs=(--inference_dir "${results}" --data_dir "${raw}/${entry%/*}" --pairs_dir "${pairs}" "${page[@]}")
        compute "${results}/score.log" "${inference_ngpu}" \
            "${python}" -m espnet2_ext.bin.score conversion "${inputs[@]}" --table "${title}" \
            --protocol "${pairs}, ${inference_tag}, variance compensation: ${variance_compensation}" \
            --unit_tag "${unit_tag}" --vocoder "${vocoder}" --train_config "${p2v_exp}/config.yaml" \
            --centroids_path "${centroids}" --num_workers "${inference_nj}" --device "${device}"
        "${python}" -m espnet2_ext.bin.report conversion "${inputs[@]}" --title "Examples: ${title}, ${entry/\//, }" \
            --output_dir "${expdir}/report/${p2v_tag}/${entry}" --train_dir "${p2v_exp}"
        mark_done "${results}" "${print}"
    done
    "${python}" -m espnet2_ext.bin.score speaker_vectors --data_dirs "${tests[@]/#/${raw}/}" "${page[@]}" \
        --protocol "encoder ${encoder}" --table "Speaker vectors${corpus_note:+ (${corpus_note})}"
    compute "${p2v_exp}/probe.log" "${inference_ngpu}" "${python}" -m espnet2_ext.bin.probe "${page[@]}" \
        --data_dirs "${tests[@]/#/${raw}/}" --model_file "${p2v_exp}/${inference_model}" --unit_tag "${unit_tag}" \
        --table "Disentanglement: ${title}" --num_workers "${inference_nj}" --device "${device}"
    show_results
fi

log "Finished in ${SECONDS} s"
