// What the server has written down of a message (docs/jmap.md, "What became of a message"), as facts for Story.svelte and Sent.svelte, which have the words.
import type { EmailSubmission, StoryFinding, StoryRow } from "../model/types.ts";
import type { Reason, Rules } from "./story.ts";
import type { Weight } from "./headers.ts";

// ---- Step by step ----

export interface Step {
	at: number;
	/** A key of the catalogue below "read.journey.", and what it is filled in with. */
	key: string;
	values: Record<string, string | number>;
	tone: "good" | "bad" | "waiting" | "plain";
	/** A server's own words. */
	reply: string | null;
	/** Null: nothing was handed over. */
	tls: { version: string | null } | null;
	/** A number of seconds, or a time, that belongs to it. */
	seconds: number | null;
	until: number | null;
}

const STEPS_MAX = 200;
const ACTIONS = new Set(["accept", "tag", "junk", "quarantine", "reject", "unchecked"]), REASONS = new Set(["rate", "habit", "spam"]);

function timeOf(text: string | undefined): number | null {
	const at = Date.parse(text ?? "");
	return Number.isNaN(at) ? null : at;
}

/* Which words a row gets; null: none, as nobody knows it here. */
function wordsOf(row: StoryRow): Pick<Step, "key" | "values" | "tone"> | null {
	const host = row.host ?? "?", recipient = row.recipient ?? "?";
	switch (row.event) {
	case "accepted": return row.direction === "out" ? { key: "taken", values: {}, tone: "plain" } : { key: "came", values: { host }, tone: "plain" };
	case "judged": return { key: `judged.${ACTIONS.has(row.action ?? "") ? row.action : "other"}`, values: {}, tone: row.action === "accept" ? "good" : row.action === "unchecked" ? "plain" : "bad" };
	case "weighed": return { key: row.junk ? "weighed.junk" : "weighed.good", values: {}, tone: row.junk ? "bad" : "good" };
	case "setApart": return { key: "setApart", values: {}, tone: "waiting" };
	case "released": return { key: "released", values: {}, tone: "good" };
	case "filed": return { key: row.isDuplicate ? "filed.again" : "filed", values: { mailbox: row.mailbox ?? "?" }, tone: "good" };
	case "answered": return { key: "answered", values: {}, tone: "plain" };
	case "waiting": return { key: "waiting", values: {}, tone: "waiting" };
	case "held": return { key: `held.${REASONS.has(row.reason ?? "") ? row.reason : "other"}`, values: {}, tone: "waiting" };
	case "attemptFailed": return { key: "attemptFailed", values: { host }, tone: "waiting" };
	case "delivered": return row.host ? { key: "delivered.there", values: { host, recipient }, tone: "good" } : { key: "delivered.here", values: { recipient }, tone: "good" };
	case "deferred": return { key: "deferred", values: { recipient }, tone: "waiting" };
	case "failed": return { key: row.isExpired ? "failed.expired" : "failed", values: { recipient }, tone: "bad" };
	case "reported": return { key: "reported", values: {}, tone: "plain" };
	case "withdrawn": return { key: "withdrawn", values: {}, tone: "plain" };
	case "removed": return { key: "removed", values: {}, tone: "bad" };
	default: return null;
	}
}

/** The rows that can be put into words. */
export function readSteps(rows: readonly StoryRow[]): Step[] {
	return rows.slice(0, STEPS_MAX).flatMap((row) => {
		const words = wordsOf(row), at = timeOf(row.time);
		if (!words || at === null) return [];
		const served = row.event === "accepted" ? row.direction === "in" : row.host !== undefined && row.event === "delivered";
		return [{ ...words, at, reply: row.reply?.trim().slice(0, 500) || null, tls: served ? { version: row.tls ?? null } : null, seconds: row.retryIn ?? null, until: timeOf(row.until) }];
	});
}

// ---- Whom it has reached ----

export interface Reached {
	address: string;
	/** `here`: it lies in a mailbox of this server. `there`: another server has taken it. `later`: it is tried again. `failed`: given up. `under way`: nothing is known of it yet. `unknown`: or any more. */
	state: "here" | "there" | "later" | "failed" | "under way" | "unknown";
	at: number | null;
	host: string | null;
	tls: { version: string | null } | null;
	reply: string | null;
	/** When it is tried again. */
	again: number | null;
	/** The recipient has confirmed that it was read. */
	read: boolean;
}

const RECIPIENTS_MAX = 500;

function reachedBy(row: StoryRow): Omit<Reached, "read" | "address"> {
	const at = timeOf(row.time), host = row.host ?? null;
	return {
		state: row.event === "failed" ? "failed" : row.event === "deferred" ? "later" : host ? "there" : "here",
		at, host, tls: host && row.event === "delivered" ? { version: row.tls ?? null } : null, reply: row.reply?.trim().slice(0, 500) || null, again: at !== null && row.retryIn !== undefined ? at + row.retryIn * 1000 : null,
	};
}

const NOTHING = { at: null, host: null, tls: null, reply: null, again: null };

/** What became of a message that was sent, for each whom it went to: by what was written down, and by what its submissions say. `named`: those who stand in it. */
export function readReached(rows: readonly StoryRow[], submissions: readonly EmailSubmission[], named: readonly string[]): Reached[] {
	const found = new Map<string, Reached>();
	const have = (address: string) => {
		const key = address.toLowerCase(), there = found.get(key) ?? { address, state: "unknown" as const, ...NOTHING, read: false };
		if (found.size < RECIPIENTS_MAX) found.set(key, there);
		return there;
	};
	const valid = submissions.filter((one) => one.undoStatus !== "canceled");
	for (const address of valid.length ? valid.flatMap((one) => one.envelope?.rcptTo.map(({ email }) => email) ?? []) : named) have(address);
	for (const one of valid)
		for (const [address, status] of Object.entries(one.deliveryStatus ?? {})) {
			const state = { yes: "here", no: "failed", queued: "under way", unknown: "there" } as const;
			Object.assign(have(address), { state: state[status.delivered] ?? "unknown", reply: status.delivered === "no" || status.delivered === "queued" ? status.smtpReply || null : null, read: status.displayed === "yes" });
		}
	for (const row of rows) if (row.recipient && (row.event === "delivered" || row.event === "deferred" || row.event === "failed")) Object.assign(have(row.recipient), reachedBy(row));
	return [...found.values()];
}

// ---- What was found in it ----

function reasonOf({ rule, points, text }: StoryFinding, rules: Rules, language: "en" | "ru" | "pt"): Reason {
	const known = Object.hasOwn(rules, rule) ? rules[rule]![language] : null;
	return { name: rule, points, text: known ?? (text || null) };
}

/** What the server's rules have made of it, and what this account's own training has: the points that counted, and each finding with its own. Null: it isn't written down (any more). */
export function readFindings(rows: readonly StoryRow[], said: Weight | null, rules: Rules, language: "en" | "ru" | "pt"): { weight: Weight; reasons: Reason[] } | null {
	const judged = rows.find((row) => row.event === "judged" && row.findings), own = rows.find((row) => row.event === "weighed");
	const score = own?.points ?? judged?.points;
	if (!judged || score === undefined) return null;
	const required = said?.required ?? REQUIRED;
	const reasons = [...(judged.findings ?? []), ...(own?.findings ?? [])].map((one) => reasonOf(one, rules, language)).sort((a, b) => Math.abs(b.points ?? 0) - Math.abs(a.points ?? 0));
	return { weight: { junk: own?.junk ?? said?.junk ?? score >= required, score, required, rules: reasons.map(({ name }) => name) }, reasons };
}

/** What a message is junk from on where it doesn't say (the option spam_junk, as it is from the beginning). */
const REQUIRED = 5;
