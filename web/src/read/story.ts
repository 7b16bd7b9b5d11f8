// How a message came here, and how much of what it says of itself is proved: facts for Story.svelte, which has the words.
import { all, type Field, first, type Hop, ownResults, readWay, readWeight, type Result, type Weight } from "./headers.ts";

/** `own`: one of our people has sent it, signed in. `proved`: its author's domain says that it is from there. `forwarded`: a server on its way is believed that
 * it was. `domain`: some domain answers for it, but not the author's. `unproved`: nobody does. `forged`: the author's domain says that it isn't.
 * `unknown`: our server hasn't looked. */
export type Standing = "own" | "proved" | "forwarded" | "domain" | "unproved" | "forged" | "unknown";

export interface Voucher {
	method: "spf" | "dkim" | "dmarc" | "arc" | "dkim2";
	/** pass, fail, none, … */
	result: string;
	/** The domain that it is about. */
	domain: string | null;
	/** What our server says of it, in its own words. */
	comment: string;
}

export interface Leg {
	from: string | null;
	address: string | null;
	by: string | null;
	tls: boolean | null;
	version: string | null;
	at: number | null;
	/** Seconds since the leg before; null: one of both isn't known, or clocks disagree. */
	seconds: number | null;
	/** Is it what our own server wrote? All others could be invented. */
	ours: boolean;
}

export interface Story {
	standing: Standing;
	/** The author's domain. */
	author: string | null;
	vouchers: Voucher[];
	legs: Leg[];
	/** Was the last leg, to us, encrypted? */
	tls: boolean | null;
	weight: Weight | null;
	list: string | null;
}

const METHODS = new Set(["spf", "dkim", "dmarc", "arc", "dkim2"]);

function domainOf(text: string | null | undefined): string | null {
	const domain = text?.replace(/^.*@/, "").replace(/[>\s].*$/, "").toLowerCase();
	return domain || null;
}

function vouchersOf(results: Result[]): Voucher[] {
	return results.filter((one) => METHODS.has(one.method)).map((one) => ({
		method: one.method as Voucher["method"],
		result: one.result,
		domain: domainOf(one.properties["header.from"] ?? one.properties["header.d"] ?? one.properties["smtp.mailfrom"] ?? one.properties["smtp.helo"]),
		comment: one.comment,
	}));
}

function legsOf(hops: Hop[]): Leg[] {
	return hops.map((hop, i) => {
		const before = hops[i - 1]?.at ?? null, seconds = hop.at !== null && before !== null ? Math.round((hop.at - before) / 1000) : null;
		return { from: hop.from, address: hop.address, by: hop.by, tls: hop.tls, version: hop.version, at: hop.at, seconds: seconds !== null && seconds >= 0 ? seconds : null, ours: i === hops.length - 1 };
	});
}

function standingOf(vouchers: Voucher[], hops: Hop[], looked: boolean): Standing {
	const has = (method: Voucher["method"], result: string) => vouchers.some((one) => one.method === method && one.result === result);
	const last = hops[hops.length - 1];
	if (!looked) return last?.signedIn && hops.length === 1 ? "own" : "unknown";
	if (has("dmarc", "pass")) return "proved";
	if (has("dmarc", "fail")) return vouchers.some((one) => one.method === "dmarc" && /taken all the same/.test(one.comment)) ? "forwarded" : "forged";
	return has("dkim", "pass") || has("spf", "pass") ? "domain" : "unproved";
}

/** The facts of a message, by its header as it lies in the mailbox. `author`: the address of From. */
export function readStory(fields: readonly Field[], author: string | null): Story {
	const own = ownResults(fields), hops = readWay(fields), vouchers = own ? vouchersOf(own.results) : [];
	const list = first(fields, "List-Id");
	return {
		standing: standingOf(vouchers, hops, own !== null),
		author: domainOf(author),
		vouchers,
		legs: legsOf(hops),
		tls: hops[hops.length - 1]?.tls ?? null,
		weight: readWeight(fields),
		list: list ? (/<([^<>]+)>/.exec(list)?.[1] ?? list).slice(0, 200) : null,
	};
}

// ---- Why, and what would change it ----

/** name: points, and what it means in English, Russian and Portuguese. */
export type Rules = Record<string, { points: number; en: string; ru: string; pt: string }>;

export interface Reason {
	name: string;
	/** Null: it varies, or isn't known. */
	points: number | null;
	text: string | null;
}

export function reasonsOf(weight: Weight, rules: Rules, language: "en" | "ru" | "pt"): Reason[] {
	return weight.rules
		.map((name) => ({ name, points: Object.hasOwn(rules, name) ? rules[name]!.points : null, text: Object.hasOwn(rules, name) ? rules[name]![language] : null }))
		.sort((a, b) => Math.abs(b.points ?? 0) - Math.abs(a.points ?? 0));
}

/** The least that would have made it otherwise: of junk, the fewest reasons without which it would be none; of good mail, how many points it was away from that. */
export type Change = { kind: "without"; reasons: Reason[]; score: number } | { kind: "more"; points: number };

export function smallestChange(weight: Weight, reasons: Reason[]): Change | null {
	if (!weight.junk) return { kind: "more", points: round(weight.required - weight.score) };
	const chosen: Reason[] = [];
	let score = weight.score;
	for (const reason of reasons.filter((one) => (one.points ?? 0) > 0)) {
		chosen.push(reason);
		score -= reason.points!;
		if (score < weight.required) break;
	}
	if (score >= weight.required) return null;
	const one = reasons.filter((reason) => (reason.points ?? 0) > 0 && weight.score - reason.points! < weight.required).pop(); // the lightest that suffices alone
	return one ? { kind: "without", reasons: [one], score: round(weight.score - one.points!) } : { kind: "without", reasons: chosen, score: round(score) };
}

const round = (points: number) => Math.round(points * 100) / 100;

/** Fields that nobody wants to see unless he asks. */
export function shownFields(fields: readonly Field[]): Field[] {
	return fields.map(({ name }) => name).filter((name, i, names) => names.indexOf(name) === i).flatMap((name) => all(fields, name).map((value) => ({ name, value })));
}
