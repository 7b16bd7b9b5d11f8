// What the rows print (docs/admin-api.md, and the commands' own JSON); times are seconds since 1970, sizes bytes.

export interface Finding {
	level: "error" | "warning" | "note";
	what: string;
	mend: string;
}
export type Rank = "no" | "domain" | "server";
export interface Account {
	name: string;
	display_name: string;
	enabled: boolean;
	/** 0: no limit. */
	quota_bytes: number;
	quota_messages: number;
	created: number;
	has_password: boolean;
	language: string;
	/** Recipients an hour, and a day: null as configured, 0 any number. */
	rate: number | null;
	rate_day: number | null;
	administrator: Rank;
}
export interface AccountInFull extends Account {
	senders: string[];
	bytes?: number;
	messages?: number;
}
export interface Alias {
	address: string;
	targets: string[];
}
/** A password of one program, or a program that was let in with OAuth. */
export interface AppPassword {
	id: string;
	name: string;
	allow: string;
	kind: "app-password" | "oauth";
	created: number;
	used: number | null;
	expires: number | null;
}
/** Points from which on something is done; "off": it isn't, null: as the server does. */
export interface Thresholds {
	spam_tag?: number | "off" | null;
	spam_junk?: number | "off" | null;
	spam_quarantine?: number | "off" | null;
	spam_reject?: number | "off" | null;
}
export interface Domain extends Thresholds {
	name: string;
	alias_of: string;
	catch_all: string;
	language: string;
}
/** A record that the DNS must have; with `state` and the rest when it was held against the DNS. */
export interface DnsRecord {
	name: string;
	type: string;
	needed: boolean;
	line: string;
	state?: "right" | "missing" | "different" | "several" | "unknown";
	there?: string;
	advice?: string;
}
/** What the DNS says of a name that a server is to have. */
export interface NameLooked {
	name: string;
	state: "found" | "none" | "unknown";
	/** `here`: it is one of the machine's own; `back`: the name that it leads back to. */
	addresses: { address: string; here: boolean; back: string }[];
}
export interface Recipient {
	address: string;
	attempts: number;
	next_attempt: number;
	expires: number;
	last_error: string;
	/** "host:port", if it goes out through another server than it would by itself; else empty. */
	via: string;
	/** Why it is given back to its sender; empty: it isn't. */
	returned: string;
}
export interface Queued {
	id: string;
	from: string;
	arrived: number;
	release: number;
	size: number;
	held: boolean;
	waiting: boolean;
	held_for?: string | null;
	junk: boolean;
	findings: string;
	client: string;
	account: string;
	recipients: Recipient[];
	header?: string;
}
export interface Backup {
	where: string;
	by: string;
	made: number;
	noted: number;
	/** -1: not told. */
	size: number;
	every: number;
	found: "whole" | "damaged" | "not looked over";
}
export interface Backups {
	state: "never" | "damaged" | "old" | "not verified" | "good";
	backups: Backup[];
}
export type Verdict = "inbox" | "tag" | "junk" | "quarantine" | "reject";
/** What would become of kept mail by the rules of now; of those whose verdict changes the first. */
export interface Replayed {
	weighed: number;
	passed_over: number;
	changed: number;
	before: Record<Verdict, number>;
	after: Record<Verdict, number>;
	messages: { id: string; arrived: number; author: string; subject: string; points_before: number; points: number; before: Verdict; after: Verdict }[];
}
/** What the numbers were; null: nothing is known of that step. */
export interface History {
	over: "day" | "week" | "quarter";
	/** Seconds. */
	step: number;
	times: number[];
	values: Record<string, (number | null)[]>;
	providers: { provider: string; delivered: number; deferred: number; failed: number; troubles: (number | null)[] }[];
}
export interface Rule {
	rule: string;
	points: number;
	detail: string;
	text: string;
}
export interface Quarantined {
	id: string;
	sender: string;
	from: string;
	subject: string;
	recipients: string[];
	arrived: number;
	size: number;
	client: string;
	points: number;
	reason: string;
	rules: Rule[];
	header?: string;
	text?: string[] | string;
	attached?: { name: string; type: string; subtype: string; size: number }[];
}
export interface Story {
	id: string;
	events: Record<string, string>[];
	waiting?: string[];
}
export interface Certificate {
	certificate: string;
	there: boolean;
	begins: number;
	ends: number;
	names: string[];
	state: string;
	due: number;
	failures: number;
	why: string;
}
export interface Option {
	name: string;
	section: string;
	kind: "flag" | "number" | "size" | "time" | "text" | "list";
	default: unknown;
	value: unknown;
	set: boolean;
	doc: string;
	effect: string;
	restart: boolean;
	/** Of numbers, sizes and times. */
	least?: number;
	most?: number;
}
export interface Changed {
	option: string;
	before: unknown;
	after: unknown;
	effect?: string;
}
export interface Change {
	number: number;
	confirm_by: number | null;
	changed: Changed[];
}
export interface PastChange {
	number: number;
	time: number;
	by: string;
	peer: string;
	state: "kept" | "waiting" | "taken back";
	changed: Changed[];
}
export interface ReportSource {
	source: string;
	name: string;
	passed: number;
	failed: number;
	dkim: number;
	spf: number;
	advice: string;
}
export interface ReportedDomain {
	domain: string;
	kind: string;
	reports: number;
	reporters: string[];
	begin: number;
	end: number;
	passed: number;
	failed: number;
	policy: string;
	advice: string;
	sources: ReportSource[];
}
export interface SignedIn {
	id: string;
	account: string;
	protocol: string;
	address: string;
	since: number;
	tls: string;
	client: string;
	doing: string;
	busy: boolean;
}
export interface ApiKey {
	id: string;
	name: string;
	domain: string | null;
	reads: boolean;
	created: number;
	used: number | null;
	expires: number | null;
}
/** role → kind → name → number. */
export type Metrics = Record<string, { value?: Record<string, number>; event?: Record<string, number> }>;
/** Of `status`: a role or a listener. */
export interface StatusLine {
	role?: string;
	state?: string;
	seconds?: number;
	restarts?: number;
	listener?: string;
	address?: string;
}
