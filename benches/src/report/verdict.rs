//! Whether a line's goals were met.

use crate::Failure;
use crate::measure::{Goal, Line, Measured, Role};
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of a line, as it is in the file.
///
/// `ratio` and `goal` are those of the goal that is furthest from being met, which is the whole verdict where there is
/// one goal; `goals` has them all. A limit that is a figure of its own is compared with as if it were a peer, and its
/// goal is 1.
#[derive(Serialize)]
pub(crate) struct Verdict {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// What `ours_ns` and `peers` count, per item.
    pub(crate) unit: &'static str,
    pub(crate) ours_ns: f64,
    /// The medians of those that a goal can be over.
    pub(crate) peers: BTreeMap<&'static str, f64>,
    pub(crate) best_peer: Option<&'static str>,
    /// `None` where more than zero is compared with zero, or where there is nothing to compare with.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<f64>,
    /// `None` where nothing was to be met.
    pub(crate) pass: Option<bool>,
    pub(crate) goals: Vec<Judged>,
    /// Goals over contenders that could not take part here.
    pub(crate) not_judged: Vec<&'static str>,
}

/// One goal.
#[derive(Serialize)]
pub(crate) struct Judged {
    /// Who or what it is over.
    pub(crate) than: String,
    /// Its figure.
    pub(crate) figure: f64,
    /// Ours divided by that; `None` if only that is zero.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: f64,
    pub(crate) pass: bool,
}

impl Judged {
    fn new(than: String, figure: f64, goal: f64, ours: f64) -> Self {
        let ratio = if ours == 0.0 { Some(0.0) } else { (figure > 0.0).then(|| ours / figure) };
        Judged { than, figure, ratio, goal, pass: ours <= goal * figure }
    }

    /// How far it is from being met; more than 1 where it is not.
    fn distance(&self) -> f64 {
        self.ratio.map_or(f64::INFINITY, |ratio| ratio / self.goal)
    }
}

impl Verdict {
    pub(crate) fn of(line: &Line, measured: &[Measured]) -> Result<Self, Failure> {
        let best = |role| {
            let with = measured.iter().filter(move |one| one.role == role);
            with.min_by(|one, other| one.median().total_cmp(&other.median()))
        };
        let ours = best(Role::Ours).ok_or_else(|| format!("{}: we do not take part", line.id))?.median();
        let best_peer = best(Role::Peer);
        let (mut goals, mut not_judged) = (Vec::new(), Vec::new());
        for goal in &line.goals {
            match *goal {
                Goal::BestPeer(times) => {
                    let peer = best_peer.ok_or_else(|| format!("{}: no peer takes part", line.id))?;
                    goals.push(Judged::new(peer.name.to_owned(), peer.median(), times, ours));
                }
                Goal::Than(name, times) => match measured.iter().find(|one| one.name == name) {
                    Some(one) => goals.push(Judged::new(name.to_owned(), one.median(), times, ours)),
                    None => not_judged.push(name),
                },
                Goal::AtMost(limit) => {
                    goals.push(Judged::new(format!("{limit} {}", line.unit.name()), limit, 1.0, ours));
                }
            }
        }
        let furthest = goals.iter().max_by(|one, other| one.distance().total_cmp(&other.distance()));
        let counts = |one: &&Measured| matches!(one.role, Role::Peer | Role::Limit);
        Ok(Verdict {
            id: line.id,
            title: line.title.clone(),
            unit: line.unit.name(),
            ours_ns: ours,
            peers: measured.iter().filter(counts).map(|peer| (peer.name, peer.median())).collect(),
            best_peer: best_peer.map(|peer| peer.name),
            ratio: match furthest {
                Some(goal) => goal.ratio,
                None => best_peer.map(|peer| ours / peer.median()),
            },
            goal: furthest.map(|goal| goal.goal),
            pass: furthest.map(|goal| goal.pass),
            goals,
            not_judged,
        })
    }

    /// As people read it.
    pub(crate) fn word(&self) -> &'static str {
        match self.pass {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "information",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Amount, Contender, Turns, Unit, measure};

    /// Of contenders that always take the same.
    fn verdict(goals: Vec<Goal>, figures: &[(&'static str, Role, f64)]) -> Result<Verdict, Failure> {
        let contenders = figures.iter().map(|&(name, role, figure)| Contender::gauged(name, role, move || Ok(figure)));
        let contenders = contenders.collect();
        let mut line =
            Line { id: "X1", title: String::new(), unit: Unit::Time, goals, turns: Turns::EachRound, contenders };
        let measured = measure(&mut line, 2)?;
        Verdict::of(&line, &measured)
    }

    #[test]
    fn the_best_of_ours_is_compared_with_the_best_peer_only() {
        let figures = [
            ("one way", Role::Ours, 30.0),
            ("another", Role::Ours, 20.0),
            ("slow", Role::Peer, 50.0),
            ("fast", Role::Peer, 40.0),
            ("bare", Role::Limit, 1.0),
            ("odd", Role::Information, 1.0),
        ];
        let met = verdict(vec![Goal::BestPeer(0.5)], &figures).unwrap();
        assert_eq!((met.best_peer, met.ratio, met.goal, met.pass), (Some("fast"), Some(0.5), Some(0.5), Some(true)));
        assert_eq!(met.peers.keys().copied().collect::<Vec<_>>(), ["bare", "fast", "slow"]);
        assert_eq!(verdict(vec![Goal::BestPeer(0.49)], &figures).unwrap().pass, Some(false));
    }

    #[test]
    fn of_several_goals_all_are_to_be_met_and_the_furthest_is_shown() {
        let figures = [("ours", Role::Ours, 10.0), ("bare", Role::Limit, 8.0), ("peer", Role::Peer, 30.0)];
        let goals = vec![Goal::Than("bare", 1.0), Goal::BestPeer(0.5), Goal::AtMost(20.0)];
        let missed = verdict(goals, &figures).unwrap();
        assert_eq!((missed.ratio, missed.goal, missed.pass), (Some(1.25), Some(1.0), Some(false)));
        assert_eq!(missed.goals.iter().map(|goal| goal.pass).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_goal_over_somebody_who_is_not_here_is_named_and_not_judged() {
        let goals = vec![Goal::Than("Python", 0.02), Goal::AtMost(20.0)];
        let judged = verdict(goals, &[("ours", Role::Ours, 10.0)]).unwrap();
        assert_eq!((judged.not_judged, judged.pass), (vec!["Python"], Some(true)));
    }

    #[test]
    fn a_limit_of_zero_is_met_by_zero_alone() {
        let judged = |figure| {
            let verdict = verdict(vec![Goal::AtMost(0.0)], &[("ours", Role::Ours, figure)]).unwrap();
            (verdict.ratio, verdict.pass)
        };
        assert_eq!((judged(0.0), judged(1.0)), ((Some(0.0), Some(true)), (None, Some(false))));
    }

    #[test]
    fn a_line_without_goals_is_information() {
        let figures = [("ours", Role::Ours, 10.0), ("peer", Role::Peer, 40.0)];
        let judged = verdict(Vec::new(), &figures).unwrap();
        assert_eq!((judged.pass, judged.goal, judged.ratio, judged.word()), (None, None, Some(0.25), "information"));
    }

    #[test]
    fn what_is_computed_wrongly_is_no_figure() {
        let wrong = Contender::timed("ours", Role::Ours, Amount { items: 1, expected: 2 }, || Ok(3));
        let mut line = Line::of_times("X1", String::new(), Vec::new(), vec![wrong]);
        let failure = measure(&mut line, 1).err().unwrap().to_string();
        assert_eq!(failure, "X1: ours: 3 was computed instead of 2");
    }
}
