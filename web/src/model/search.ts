/* Searching as one types: a list like any other, whose filter is read from the text; and, beside it, what the hits have in common. */
import { Store, until, type Readable } from "../base/store.ts";
import { good, type Result } from "../jmap/errors.ts";
import type { Id } from "../jmap/types.ts";
import type { AccountOf } from "./account.ts";
import { parseSearch, quote } from "./search_parse.ts";
import type { Facet, List, Marked, ParsedSearch, Row, Search, SearchView } from "./types.ts";

/** Milliseconds of silence until what was typed is asked for. */
const ASK_AFTER = 150;
/** Hits that facets are counted of; facets of a kind; searches that are remembered. */
const FACET_ROWS = 100, FACETS_MAX = 5, RECENT_MAX = 20;

/** What the server marks with <mark> in text whose other signs are escaped (RFC 8621 §5), as pieces. */
export function readMarks(html: string | null): Marked | null {
	if (html === null) return null;
	const pieces: Marked = [];
	let mark = false;
	for (const piece of html.split(/(<\/?mark>)/)) {
		if (piece === "<mark>" || piece === "</mark>") mark = piece === "<mark>";
		else if (piece) pieces.push({ text: unescape(piece), mark });
	}
	return pieces;
}

const names: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescape(text: string): string {
	return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(lt|gt|amp|quot|apos));/gi, (all, decimal, hex, name) => {
		const code = decimal ? Number(decimal) : hex ? parseInt(hex as string, 16) : 0;
		return name ? names[(name as string).toLowerCase()]! : code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : (all as string);
	});
}

export function countFacets(rows: Row[], mailboxName: (id: Id) => string | null): Facet[] {
	const counts = new Map<string, Facet>();
	const count = (kind: Facet["kind"], add: string, label: string) => {
		const facet = counts.get(add) ?? { add, kind, label, count: 0 };
		facet.count++;
		counts.set(add, facet);
	};
	for (const { email } of rows) {
		const from = email.from?.[0];
		if (from) count("from", `from:${quote(from.email.toLowerCase())}`, from.name || from.email);
		for (const id of Object.keys(email.mailboxIds)) {
			const name = mailboxName(id);
			if (name) count("mailbox", `in:${quote(name)}`, name.split("/").at(-1)!);
		}
		count("year", `after:${email.receivedAt.slice(0, 4)} before:${Number(email.receivedAt.slice(0, 4)) + 1}`, email.receivedAt.slice(0, 4));
		if (email.hasAttachment) count("attachment", "has:attachment", "");
		if (!email.keywords["$seen"]) count("unread", "is:unread", "");
		if (email.keywords["$flagged"]) count("starred", "is:starred", "");
	}
	const best = [...counts.values()].sort((a, b) => b.count - a.count), kinds: Facet["kind"][] = ["from", "mailbox", "year", "attachment", "unread", "starred"];
	// What all hits have says nothing.
	return kinds.flatMap(kind => best.filter(one => one.kind === kind && (one.count < rows.length || kind === "from")).slice(0, FACETS_MAX));
}

export class SearchOf implements Search {
	readonly #account: AccountOf;
	readonly #view: Store<SearchView>;
	readonly #recent = new Store<string[]>([]);
	readonly recent: Readable<string[]> = this.#recent;
	#timer: ReturnType<typeof setTimeout> | null = null;
	#list: List | null = null;
	#unlisten: (() => void) | null = null;

	constructor(account: AccountOf) {
		this.#account = account;
		this.#view = new Store<SearchView>(this.#idle());
		void account.engine.db.get<string[]>("meta", "searches").then(known => known && this.#recent.set(known));
	}

	#idle(text = ""): SearchView {
		return { text, parsed: { filter: null, terms: [], unknown: [] }, list: null, facets: [], state: "idle", error: null };
	}

	subscribe(run: (value: SearchView) => void): () => void {
		return this.#view.subscribe(run);
	}

	parse(text: string, within?: Id): ParsedSearch {
		let mailboxes = [] as Parameters<typeof parseSearch>[1]["mailboxes"];
		this.#account.mailboxes.all.subscribe(value => (mailboxes = value))();
		return parseSearch(text, { mailboxes, labels: this.#account.settings.value.labels, now: this.#account.host.platform.now(), within });
	}

	type(text: string, within?: Id): void {
		const parsed = this.parse(text, within);
		if (this.#timer) clearTimeout(this.#timer);
		if (!parsed.filter) return this.#show(text, parsed, null);
		if (JSON.stringify(parsed.filter) === JSON.stringify(this.#view.value.parsed.filter)) return this.#view.set({ ...this.#view.value, text, parsed });
		this.#view.set({ ...this.#view.value, text, parsed, state: "searching" });
		this.#timer = setTimeout(() => this.#show(text, parsed, this.#account.list({ filter: parsed.filter })), ASK_AFTER);
	}

	/** Another list takes the place of the former, whose answers nobody hears any more. */
	#show(text: string, parsed: ParsedSearch, list: List | null): void {
		this.#unlisten?.();
		this.#list?.close();
		this.#list = list;
		this.#view.set({ ...this.#idle(text), parsed, list, state: list ? "searching" : "idle" });
		this.#unlisten = list?.subscribe(view => {
			if (view.state === "loading" && view.total === null) return;
			const rows = Array.from({ length: Math.min(FACET_ROWS, view.total ?? 0) }, (_, at) => view.at(at)).filter(row => row !== undefined);
			const state = view.state === "failed" || view.state === "offline" ? view.state : "ready";
			this.#view.set({ text: this.#view.value.text, parsed, list, facets: countFacets(rows, id => this.#pathOf(id)), state, error: view.error });
		}) ?? null;
	}

	#pathOf(id: Id): string | null {
		const mailbox = this.#account.mailboxes.byId(id), parent = mailbox?.parentId ? this.#pathOf(mailbox.parentId) : null;
		return mailbox ? (parent ? `${parent}/${mailbox.name}` : mailbox.name) : null;
	}

	async snippets(ids: Id[]): Promise<Result<Map<Id, { subject: Marked | null; preview: Marked | null }>>> {
		const { client, account } = this.#account.engine, filter = this.#view.value.parsed.filter;
		if (!filter || ids.length === 0) return good(new Map());
		const got = await client.call(account, "SearchSnippet/get", { filter, emailIds: ids.slice(0, client.limits.maxObjectsInGet) });
		return got.ok ? good(new Map(got.value.list.map(one => [one.emailId, { subject: readMarks(one.subject), preview: readMarks(one.preview) }]))) : got;
	}

	remember(text: string): void {
		const trimmed = text.trim();
		if (!trimmed) return;
		this.#recent.set([trimmed, ...this.#recent.value.filter(one => one !== trimmed)].slice(0, RECENT_MAX));
		void this.#account.engine.db.put("meta", [["searches", this.#recent.value]]);
	}

	clear(): void {
		if (this.#timer) clearTimeout(this.#timer);
		this.#show("", this.#idle().parsed, null);
	}
}

/** Resolves when a search has its answer. */
export function answered(search: Search): Promise<SearchView> {
	return until(search, view => view.state === "ready" || view.state === "failed" || view.state === "offline");
}
