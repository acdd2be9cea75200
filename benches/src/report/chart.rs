//! The chart: a row for each line, and on a scale of ratios where we are, where the peers are, and the goals. A line
//! whose figures are zero has no place on it.

use super::verdict::Verdict;
use crate::Failure;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

const WIDTH: i32 = 1_100;
const TOP: i32 = 56;
const ROW: i32 = 24;
const BOTTOM: i32 = 44;
/// Where the scale begins and ends; the words stand on both sides of it.
const SCALE: (i32, i32) = (430, 830);
/// What the scale has at the least, and what is farther out than these stands at the edge: powers of two.
const LEAST: (i32, i32) = (-2, 1);
const MOST: (i32, i32) = (-8, 5);

const OURS: RGBColor = RGBColor(0x1f, 0x5f, 0xbf);
const MISSED: RGBColor = RGBColor(0xc8, 0x4b, 0x11);
const GOAL: RGBColor = RGBColor(0x1a, 0x8f, 0x3c);
const PEER: RGBColor = RGBColor(0x80, 0x80, 0x80);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line, as multiples of what it is compared with.
struct Row<'a> {
    verdict: &'a Verdict,
    ours: f64,
    peers: Vec<f64>,
    goals: Vec<f64>,
}

impl<'a> Row<'a> {
    /// The best peer is 1; where there is none, what the goal is over. `None` if there is nothing to divide by.
    fn of(verdict: &'a Verdict) -> Option<Self> {
        let of_peer = verdict.best_peer.and_then(|name| verdict.peers.get(name));
        let one = *of_peer.or_else(|| verdict.goals.first().map(|goal| &goal.figure))?;
        let measured = one > 0.0 && verdict.ours_ns > 0.0;
        measured.then(|| Row {
            verdict,
            ours: verdict.ours_ns / one,
            peers: verdict.peers.values().map(|peer| peer / one).collect(),
            goals: verdict.goals.iter().map(|goal| goal.goal * goal.figure / one).collect(),
        })
    }

    fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.peers.iter().chain(&self.goals).copied().chain([self.ours])
    }
}

/// The scale: powers of two, from one to the other.
#[derive(Clone, Copy)]
struct Scale {
    first: i32,
    last: i32,
}

impl Scale {
    fn over(rows: &[Row<'_>]) -> Self {
        let (mut first, mut last) = LEAST;
        for power in rows.iter().flat_map(Row::all).map(f64::log2) {
            first = first.min(power.floor() as i32);
            last = last.max(power.ceil() as i32);
        }
        Scale { first: first.max(MOST.0), last: last.min(MOST.1) }
    }

    fn place(self, ratio: f64) -> i32 {
        let power = ratio.log2().clamp(self.first.into(), self.last.into());
        let part = (power - f64::from(self.first)) / f64::from(self.last - self.first);
        SCALE.0 + (part * f64::from(SCALE.1 - SCALE.0)).round() as i32
    }
}

/// Writes the chart of these lines as SVG.
pub(crate) fn draw(verdicts: &[Verdict], path: &Path) -> Result<(), Failure> {
    let rows: Vec<Row<'_>> = verdicts.iter().filter_map(Row::of).collect();
    let scale = Scale::over(&rows);
    let height = TOP + ROW * i32::try_from(rows.len())? + BOTTOM;
    let area = SVGBackend::new(path, (WIDTH.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
    area.fill(&WHITE)?;
    legend(&area)?;
    grid(&area, scale, height - BOTTOM)?;
    for (number, row) in (0..).zip(&rows) {
        draw_row(&area, scale, row, TOP + ROW * number + ROW / 2)?;
    }
    area.present().map_err(|error| format!("{}: {error}", path.display()).into())
}

fn text(area: &Area<'_>, text: &str, at: (i32, i32), color: RGBColor, side: HPos) -> Result<(), Failure> {
    let style = TextStyle::from(("sans-serif", 16).into_font()).color(&color).pos(Pos::new(side, VPos::Center));
    Ok(area.draw(&Text::new(text, at, style))?)
}

fn line(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor, width: u32) -> Result<(), Failure> {
    Ok(area.draw(&PathElement::new([from, to], color.stroke_width(width)))?)
}

fn dot(area: &Area<'_>, at: (i32, i32), size: i32, color: RGBColor) -> Result<(), Failure> {
    Ok(area.draw(&Circle::new(at, size, color.filled()))?)
}

fn legend(area: &Area<'_>) -> Result<(), Failure> {
    let y = 18;
    text(area, "Cost per item, relative to the best peer (left is better)", (12, y), INK, HPos::Left)?;
    for (x, color, what) in [(480, OURS, "ours"), (560, MISSED, "ours, goal missed"), (710, PEER, "peers and limits")] {
        dot(area, (x, y), 5, color)?;
        text(area, what, (x + 12, y), INK, HPos::Left)?;
    }
    line(area, (850, y - 8), (850, y + 8), GOAL, 2)?;
    text(area, "goal", (858, y), INK, HPos::Left)
}

fn grid(area: &Area<'_>, scale: Scale, bottom: i32) -> Result<(), Failure> {
    for power in scale.first..=scale.last {
        let x = scale.place(f64::from(power).exp2());
        let color = if power == 0 { PEER } else { GRID };
        line(area, (x, TOP - 6), (x, bottom + 6), color, 1)?;
        let label = if power < 0 { format!("1/{}", 1 << -power) } else { format!("{}", 1 << power) };
        text(area, &label, (x, bottom + 18), INK, HPos::Center)?;
    }
    Ok(())
}

/// Of large times in the units that people use for them.
fn figure(value: f64, unit: &str) -> String {
    match unit {
        "ns" if value >= 1e6 => format!("{:.1} ms", value / 1e6),
        "ns" if value >= 1e4 => format!("{:.1} µs", value / 1e3),
        _ => format!("{value:.0} {unit}"),
    }
}

fn draw_row(area: &Area<'_>, scale: Scale, row: &Row<'_>, y: i32) -> Result<(), Failure> {
    let Verdict { id, title, unit, ours_ns, pass, best_peer, .. } = row.verdict;
    text(area, &format!("{id}  {title}"), (12, y), INK, HPos::Left)?;
    let (ours, color) = (scale.place(row.ours), if *pass == Some(false) { MISSED } else { OURS });
    line(area, (scale.place(1.0), y), (ours, y), color, 3)?;
    for peer in &row.peers {
        dot(area, (scale.place(*peer), y), 3, PEER)?;
    }
    for goal in &row.goals {
        let x = scale.place(*goal);
        line(area, (x, y - 8), (x, y + 8), GOAL, 2)?;
    }
    dot(area, (ours, y), 5, color)?;
    let beside = best_peer.map_or_else(String::new, |name| format!("; best peer: {name}"));
    text(area, &format!("{}{beside}", figure(*ours_ns, unit)), (SCALE.1 + 14, y), INK, HPos::Left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_equally_far_apart_and_what_is_farther_out_stands_at_the_edge() {
        let scale = Scale { first: -2, last: 2 };
        let places: Vec<i32> = [0.25, 0.5, 1.0, 2.0, 4.0].map(|ratio| scale.place(ratio)).into();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] == (SCALE.1 - SCALE.0) / 4), "{places:?}");
        assert_eq!((scale.place(0.001), scale.place(1000.0)), SCALE);
    }

    #[test]
    fn figures_have_the_units_that_people_use() {
        assert_eq!(figure(9_999.0, "ns"), "9999 ns");
        assert_eq!(figure(12_345.0, "ns"), "12.3 µs");
        assert_eq!(figure(2_500_000.0, "ns"), "2.5 ms");
        assert_eq!(figure(2_500_000.0, "bytes"), "2500000 bytes");
    }
}
