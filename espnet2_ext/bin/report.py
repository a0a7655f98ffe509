"""Write what RESULTS.md shows: figures and audio of conversions, and the page itself."""

from espnet2_ext.bin.entry import Command


def report_style(conversions_dir: str, **options) -> None:
    """Write the files and add records that point to them."""
    from espnet2_ext.conversion.batch import read_conversions
    from espnet2_ext.report.style import report_style_figures

    lines = read_conversions(conversions_dir)
    report_style_figures(wavs={name: line.wav for name, line in lines.items()}, **options)


main = Command("report", __doc__)

add = main.add_command(
    "conversion",
    "espnet2_ext.report.conversion:report_conversion",
    "Figures and audio of a few pairs",
).add_argument
add("--inference_dir", required=True, help="output of p2v_inference")
add("--data_dir", required=True, help="dump directory of all utterances")
add("--pairs_dir", required=True, help="pairs, targets, conditions")
add("--output_dir", required=True, help="of figures and audio")
add("--results_path", required=True, help="exp/results.jsonl")
add("--title", required=True, help="of the section in RESULTS.md")
add("--train_dir", help="training directory whose curves are drawn")

add = main.add_command(
    "style", report_style, "Figures and audio of a few conversions of a list"
).add_argument
add("--list", dest="list_file", required=True, help="as for convert_list")
add("--conversions_dir", required=True, help="--out_dir of convert_list")
add("--output_dir", required=True, help="of figures and audio")
add("--results_path", required=True, help="exp/results.jsonl")
add("--title", required=True, help="of the section in RESULTS.md")
add("--per_condition", type=int, default=2, help="figures of each condition")

add = main.add_command(
    "render", "espnet2_ext.report.render:render_results", "Render RESULTS.md from results.jsonl"
).add_argument
add("--results_path", required=True, help="exp/results.jsonl")
add("--out_path", required=True, help="exp/RESULTS.md")

if __name__ == "__main__":
    main()
