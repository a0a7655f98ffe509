"""List what to listen to, make the page of a listening test, and score what listeners hand in."""

from collections.abc import Sequence

from espnet2_ext.bin.entry import Command


def write_manifest(systems: Sequence[str], **options) -> None:
    """Write the manifest of systems ``NAME=INFERENCE_DIR``."""
    from espnet2_ext.listening.manifest import conversion_manifest

    conversion_manifest(dict(system.partition("=")[::2] for system in systems), **options)


main = Command("listening_test", __doc__)
summary = "List conversions, sources and ground-truth targets"
add = main.add_command("manifest", write_manifest, summary).add_argument
system = "NAME=INFERENCE_DIR; the name gets ', variance compensation' where that was done"
add("--system", dest="systems", action="append", required=True, help=system)
add("--data_dir", required=True, help="dump directory of all utterances")
add("--pairs_dir", required=True, help="pairs, targets, conditions")
add("--out_path", required=True, help="of the manifest")
add("--num_items", type=int, default=10, help="for each condition")
add("--num_practice", type=int, default=1, help="items of practice")
add("--num_checks", type=int, default=0, help="of attention")
add("--reference", default="target", choices=["target", "prosody"], help="compared to")
add("--seed", type=int, default=0, help="which pairs")
make = "espnet2_ext.listening.make:make_test"
add = main.add_command("make", make, "Write page/ for the listeners, and key.json").add_argument
add("--manifest_path", required=True, help="tsv: kind system target_emotion item audio ...")
add("--out_dir", required=True, help="of page/ and key.json")
add("--title", required=True, help="heads the page")
add("--num_listeners", type=int, default=20, help="numbers to give out")
add("--systems_per_item", default="all", choices=["all", "one"], help="for a listener")
add("--emotions", nargs="+", help="choices; default: the target emotions")
add("--seed", type=int, default=0, help="of orders")
score = "espnet2_ext.report.listening:report_listening"
add = main.add_command("score", score, "Add results to results.jsonl, draw figures").add_argument
add("--key_path", required=True, help="key.json of the test")
add("--result_dir", required=True, help="files that listeners saved")
add("--output_dir", required=True, help="of figures, answers.tsv and excluded.tsv")
add("--results_path", required=True, help="exp/results.jsonl")
add("--table", required=True, help="title; says 'synthetic' where data are")
add("--protocol", required=True, help="what was heard by whom")
add("--max_failed_checks", type=int, default=0, help="more exclude a listener")

if __name__ == "__main__":
    main()
