//! Several nodes with links that are late and lose messages, and nodes that die: seeded, without a clock.
//!
//! Links keep the order of a publisher, as a backplane does. Whatever happens, each request ends once and by its deadline, says who is
//! missing, and leaves nothing behind; where nothing happens, the counts are right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;

/// A small generator, always the same for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_RATIO);
        split_mix(self.0) % bound
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// How bad it is.
#[derive(Copy, Clone)]
struct Weather {
    loss_percent: u64,
    max_delay_millis: u64,
    death_percent: u64,
}

const GOOD: Weather = Weather { loss_percent: 0, max_delay_millis: 20, death_percent: 0 };

/// A request that is not over.
struct Open {
    deadline: Moment,
    /// Whom the one who asks knew.
    asked: BTreeSet<NodeId>,
    acks: u64,
    heard: BTreeSet<NodeId>,
}

struct Simulation {
    random: Random,
    weather: Weather,
    now: Moment,
    started: u64,
    nodes: BTreeMap<NodeId, Node>,
    /// Messages on their way from one to another, with when they arrive.
    links: BTreeMap<(NodeId, NodeId), VecDeque<(Moment, Bytes)>>,
    /// Clients that are still thinking about their acknowledgement.
    thinking: Vec<(Moment, NodeId, ReplyTo)>,
    open: BTreeMap<RequestId, Open>,
    finished: Vec<Outcome>,
}

/// Each server has so many clients, all of which acknowledge.
fn clients(node: &NodeId) -> u64 {
    u64::from_str_radix(node.as_str(), 16).unwrap() % 4
}

impl Simulation {
    fn new(seed: u64, servers: u64, weather: Weather) -> Self {
        let (nodes, links, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (thinking, finished, now) = (Vec::new(), Vec::new(), Moment::EPOCH);
        let mut simulation =
            Self { random: Random(seed), weather, now, started: 0, nodes, links, thinking, open, finished };
        (0..servers).for_each(|_| simulation.start());
        simulation
    }

    /// A new server, which never has the id of an old one.
    fn start(&mut self) {
        self.started += 1;
        let server = id(self.started);
        let mut out = Vec::new();
        let mut node = Node::new(server.clone(), NodeConfig::default(), self.now);
        node.start(self.now, &mut out);
        self.nodes.insert(server.clone(), node);
        self.carry_out(&server, out);
    }

    fn any_server(&mut self) -> Option<NodeId> {
        let index = self.random.below(self.nodes.len().max(1) as u64);
        self.nodes.keys().nth(index as usize).cloned()
    }

    fn send(&mut self, from: &NodeId, to: &NodeId, bytes: Bytes) {
        if from == to || self.random.percent(self.weather.loss_percent) {
            return;
        }
        let delay = Duration::from_millis(1 + self.random.below(self.weather.max_delay_millis));
        let link = self.links.entry((from.clone(), to.clone())).or_default();
        let earliest = link.back().map_or(Moment::EPOCH, |(arrival, _)| *arrival);
        link.push_back((earliest.max(self.now + delay), bytes));
    }

    fn publish(&mut self, from: &NodeId, publication: &Publication) {
        let to = match &publication.destination {
            Destination::All => self.nodes.keys().cloned().collect(),
            Destination::Node(node) => vec![node.clone()],
        };
        for to in to {
            self.send(from, &to, publication.bytes.clone());
        }
    }

    fn carry_out(&mut self, server: &NodeId, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Publish(publication) => self.publish(server, &publication),
                Output::Local(work) => self.work(server, work),
                Output::Answer { request, node, answer } => {
                    let open = self.open.get_mut(&request).expect("no answer after the end");
                    let is_first = open.heard.insert(node);
                    if matches!(answer, Answer::Ack(_)) {
                        open.acks += 1;
                    } else {
                        assert!(is_first, "an answer came twice");
                    }
                }
                Output::Finished { request, outcome } => self.finish(&request, outcome),
                Output::NodeJoined(node) | Output::NodeLeft { node, .. } => assert_ne!(node, *server),
            }
        }
    }

    fn work(&mut self, server: &NodeId, work: Work) {
        let node = &self.nodes[server];
        let answer = match work {
            Work::FetchSockets { reply, .. } => node.answer_sockets(&reply, vec![]),
            Work::ServerSideEmit { reply: Some(reply), .. } => node.answer_server_side_emit(&reply, &ack(1)),
            Work::Broadcast { reply: Some(reply), .. } => {
                for _ in 0..clients(server) {
                    let thought = self.now + Duration::from_millis(self.random.below(300));
                    self.thinking.push((thought, server.clone(), reply.clone()));
                }
                node.answer_client_count(&reply, clients(server))
            }
            _ => return,
        };
        self.publish(server, &answer.unwrap());
    }

    fn finish(&mut self, request: &RequestId, outcome: Outcome) {
        let open = self.open.remove(request).expect("each request ends once");
        assert!(self.now <= open.deadline, "in time");
        let missing: BTreeSet<_> = outcome.missing.iter().map(|(node, _)| node.clone()).collect();
        assert_eq!(missing.len(), outcome.missing.len(), "nobody is missing twice");
        assert!(outcome.answered + missing.len() >= open.asked.len(), "everybody has answered or is missing");
        assert!(outcome.acks == open.acks && outcome.acks <= outcome.clients);
        self.finished.push(outcome);
    }

    fn ask(&mut self, server: &NodeId, kind: u64, timeout: Duration) {
        let mut options = BroadcastOptions::default();
        options.flags.timeout = Some(timeout);
        let event = Body::event("e", &()).unwrap();
        let node = self.nodes.get_mut(server).unwrap();
        let (asked, heard) = (node.peers().cloned().collect(), BTreeSet::new());
        let mut out = Vec::new();
        let request = match kind {
            0 => node.begin_fetch_sockets(&chat(), &options, self.now, &mut out),
            1 => node.begin_server_side_emit(&chat(), &event, Some(timeout), self.now, &mut out),
            _ => node.begin_broadcast(&chat(), &event, &options, self.now, &mut out),
        };
        self.open.insert(request.unwrap(), Open { deadline: self.now + timeout, asked, acks: 0, heard });
        self.carry_out(server, out);
    }

    /// One says farewell, another just dies; nobody waits for its own requests any more.
    fn end(&mut self, server: &NodeId) {
        let says_farewell = self.random.percent(50);
        let mut out = Vec::new();
        let mut node = self.nodes.remove(server).unwrap();
        node.close(self.now, &mut out);
        assert_eq!(node.pending_requests(), 0);
        for output in out {
            match output {
                Output::Publish(publication) if says_farewell => self.publish(server, &publication),
                Output::Finished { request, .. } => {
                    self.open.remove(&request).expect("each request ends once");
                }
                _ => {}
            }
        }
        self.thinking.retain(|(_, thinking, _)| thinking != server);
    }

    /// Goes to the next thing that happens, by `end` at the latest.
    fn step(&mut self, end: Moment) {
        let arrivals = self.links.values().filter_map(|link| link.front().map(|(arrival, _)| *arrival));
        let deadlines = self.nodes.values().filter_map(Node::next_deadline);
        let thoughts = self.thinking.iter().map(|(thought, ..)| *thought);
        self.now = arrivals.chain(deadlines).chain(thoughts).chain([end]).min().unwrap().max(self.now);

        let now = self.now;
        for (_, server, reply) in self.thinking.extract_if(.., |(thought, ..)| *thought <= now).collect::<Vec<_>>() {
            let answer = self.nodes[&server].answer_ack(&reply, &ack(1)).unwrap();
            self.publish(&server, &answer);
        }
        for key in self.links.keys().cloned().collect::<Vec<_>>() {
            let link = self.links.get_mut(&key).unwrap();
            let count = link.iter().take_while(|(arrival, _)| *arrival <= now).count();
            for (_, bytes) in link.drain(..count).collect::<Vec<_>>() {
                let Some(node) = self.nodes.get_mut(&key.1) else { continue };
                let mut out = Vec::new();
                node.handle_message(&bytes, now, &mut out).unwrap();
                self.carry_out(&key.1, out);
            }
        }
        for server in self.nodes.keys().cloned().collect::<Vec<_>>() {
            let mut out = Vec::new();
            let node = self.nodes.get_mut(&server).unwrap();
            node.handle_timeout(now, &mut out);
            assert!(node.next_deadline().is_none_or(|deadline| deadline > now), "what was due is done");
            self.carry_out(&server, out);
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step(end);
        }
    }

    fn server_counts(&self) -> Vec<usize> {
        self.nodes.values().map(Node::server_count).collect()
    }

    fn assert_nothing_is_pending(&self) {
        assert!(self.open.is_empty(), "every request has ended");
        assert!(self.nodes.values().all(|node| node.pending_requests() == 0));
    }
}

#[test]
fn when_nothing_is_lost_everybody_answers_and_the_counts_are_right() {
    for seed in 0..20 {
        let servers = 1 + seed % 6;
        let mut simulation = Simulation::new(seed, servers, GOOD);
        simulation.run_for(SECOND);
        assert_eq!(simulation.server_counts(), vec![servers as usize; servers as usize], "all know all");
        for server in (1..=servers).map(id) {
            for kind in 0..3 {
                simulation.ask(&server, kind, 5 * SECOND);
                simulation.run_for(SECOND);
                let outcome = simulation.finished.pop().expect("long before the deadline");
                assert!(outcome.is_complete());
                assert_eq!(outcome.answered as u64, servers - 1);
                let others: u64 =
                    (1..=servers).map(id).filter(|other| *other != server).map(|other| clients(&other)).sum();
                assert_eq!((outcome.clients, outcome.acks), if kind == 2 { (others, others) } else { (0, 0) });
            }
        }
        simulation.assert_nothing_is_pending();
    }
}

#[test]
fn whatever_is_lost_or_late_or_dies_each_request_ends_in_time_and_nothing_is_left() {
    let (mut complete, mut partial) = (0, 0);
    for seed in 0..60 {
        let mut random = Random(seed);
        let (loss_percent, max_delay_millis) = (random.below(30), 1 + random.below(1_000));
        let weather = Weather { loss_percent, max_delay_millis, death_percent: random.below(30) };
        let mut simulation = Simulation::new(seed, 2 + random.below(6), weather);
        for _ in 0..30 {
            let Some(server) = simulation.any_server() else { break };
            let (kind, timeout) = (simulation.random.below(3), simulation.random.below(7_000));
            simulation.ask(&server, kind, Duration::from_millis(100 + timeout));
            if simulation.random.percent(weather.death_percent) {
                let server = simulation.any_server().unwrap();
                simulation.end(&server);
            }
            if simulation.random.percent(weather.death_percent) {
                simulation.start();
            }
            let pause = simulation.random.below(2_000);
            simulation.run_for(Duration::from_millis(pause));
        }
        simulation.run_for(20 * SECOND);
        simulation.assert_nothing_is_pending();
        complete += simulation.finished.iter().filter(|outcome| outcome.is_complete()).count();
        partial += simulation.finished.iter().filter(|outcome| !outcome.is_complete()).count();
    }
    assert!(complete > 200 && partial > 200, "the weather was neither fine nor hopeless: {complete}, {partial}");
}

#[test]
fn servers_that_were_cut_off_find_each_other_again_and_the_dead_are_forgotten() {
    let mut simulation = Simulation::new(1, 4, GOOD);
    simulation.run_for(SECOND);
    simulation.weather.loss_percent = 100;
    simulation.run_for(19 * SECOND);
    assert_eq!(simulation.server_counts(), [1; 4]);
    simulation.weather.loss_percent = 0;
    simulation.run_for(6 * SECOND);
    assert_eq!(simulation.server_counts(), [4; 4]);
    simulation.end(&id(2));
    simulation.run_for(11 * SECOND);
    assert_eq!(simulation.server_counts(), [3; 3]);
}
