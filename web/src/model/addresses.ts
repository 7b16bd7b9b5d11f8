/* To whom? What is typed is completed with contacts and those whom one has written to; who is written to often and lately comes first. */
import { getAll } from "../jmap/client.ts";
import type { ContactCard, EmailAddress } from "../jmap/types.ts";
import type { AccountOf } from "./account.ts";
import { plain } from "./contacts.ts";
import { nameOf } from "./vcard.ts";
import type { Addresses, Suggestion } from "./types.ts";

/** Messages that were sent which tell whom one writes to; what an address is worth halves in so many days. */
const SENT_MAX = 2000, HALF_DAYS = 60;
/** How long what is known is good enough; milliseconds. */
const FRESH = 10 * 60_000;
const DAY = 86_400_000;

export interface Used {
	name: string;
	email: string;
	weight: number;
}

/** How well a text fits to what was typed: 0 not at all; at the beginning best, then at the beginning of a word. */
export function fit(text: string, typed: string): number {
	const at = text.indexOf(typed);
	if (at < 0) return 0;
	if (at === 0) return 4;
	return new RegExp(`[\\s.@_<"(-]${typed.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`).test(text) ? 3 : 1;
}

export class AddressesOf implements Addresses {
	readonly #account: AccountOf;
	readonly #used = new Map<string, Used>();
	#loadedAt = 0;
	#running: Promise<void> | null = null;

	constructor(account: AccountOf) {
		this.#account = account;
	}

	load(): Promise<void> {
		const now = this.#account.host.platform.now();
		if (now - this.#loadedAt < FRESH) return Promise.resolve();
		this.#running ??= this.#load(now).finally(() => (this.#running = null));
		return this.#running;
	}

	async #load(now: number): Promise<void> {
		const { db } = this.#account.engine;
		if (this.#used.size === 0) for (const one of (await db.get<Used[]>("meta", "used")) ?? []) this.#used.set(one.email.toLowerCase(), one);
		const [contacts, used] = await Promise.all([this.#account.contacts.load(), this.#loadUsed(now)]);
		if (!used) return;
		if (contacts.ok) this.#loadedAt = now;
		this.#used.clear();
		for (const one of used) this.#used.set(one.email.toLowerCase(), one);
		await db.put("meta", [["used", used]]);
	}

	async #loadUsed(now: number): Promise<Used[] | null> {
		const { client, account } = this.#account.engine, sent = this.#account.mailboxes.byRole("sent");
		if (!sent) return [];
		const ids: string[] = [];
		for (let position = 0; position < SENT_MAX; position += 1000) {
			const found = await client.call(account, "Email/query", { filter: { inMailbox: sent.id }, sort: [{ property: "receivedAt", isAscending: false }], position, limit: 1000 });
			if (!found.ok) return null;
			ids.push(...found.value.ids);
			if (found.value.ids.length < 1000) break;
		}
		const emails = await getAll(client, account, "Email/get", ids, { properties: ["to", "cc", "bcc", "receivedAt"] });
		if (!emails.ok) return null;
		const used = new Map<string, Used>();
		for (const { to, cc, bcc, receivedAt } of emails.value) {
			const weight = 0.5 ** (Math.max(0, now - Date.parse(receivedAt)) / DAY / HALF_DAYS);
			for (const one of [...(to ?? []), ...(cc ?? []), ...(bcc ?? [])]) count(used, one, weight);
		}
		return [...used.values()].sort((a, b) => b.weight - a.weight).slice(0, 2000);
	}

	complete(text: string, limit = 8): Suggestion[] {
		const typed = plain(text.trim()), found = new Map<string, { suggestion: Suggestion; score: number }>();
		if (!typed) return [];
		const offer = (suggestion: Suggestion, fits: number) => {
			const key = suggestion.members ? `group ${suggestion.cardId}` : suggestion.email.toLowerCase(), weight = this.#used.get(suggestion.email.toLowerCase())?.weight ?? 0;
			const score = fits + Math.log1p(weight) * 2 + (suggestion.cardId ? 0.5 : 0);
			if (fits > 0 && score > (found.get(key)?.score ?? 0)) found.set(key, { suggestion, score });
		};
		for (const card of this.#account.contacts.value) for (const suggestion of this.#suggestionsOf(card)) offer(suggestion, Math.max(fit(plain(suggestion.name), typed), fit(suggestion.email.toLowerCase(), typed)));
		for (const { name, email } of this.#used.values())
			if (!this.#account.contacts.byAddress(email)) offer({ name, email, cardId: null, photoBlobId: null }, Math.max(fit(plain(name), typed), fit(email.toLowerCase(), typed)));
		return [...found.values()].sort((a, b) => b.score - a.score || a.suggestion.email.localeCompare(b.suggestion.email)).slice(0, limit).map(one => one.suggestion);
	}

	#suggestionsOf(card: ContactCard): Suggestion[] {
		const name = nameOf(card), photoBlobId = Object.values(card.media ?? {}).find(one => one.kind === "photo")?.blobId ?? null;
		if (card.kind !== "group") return Object.values(card.emails ?? {}).map(({ address }) => ({ name: name === address ? "" : name, email: address, cardId: card.id, photoBlobId }));
		const members = Object.keys(card.members ?? {}).flatMap(uid => {
			const member = this.#account.contacts.byUid(uid), address = Object.values(member?.emails ?? {})[0]?.address;
			return member && address ? [{ name: nameOf(member), email: address }] : [];
		});
		return members.length > 0 ? [{ name, email: "", cardId: card.id, members, photoBlobId }] : [];
	}

	find(email: string): ContactCard | null {
		return this.#account.contacts.byAddress(email);
	}
}

function count(used: Map<string, Used>, { name, email }: EmailAddress, weight: number): void {
	const key = email.toLowerCase(), known = used.get(key);
	if (!email.includes("@")) return;
	used.set(key, { email: known?.email ?? email, name: known?.name || name || "", weight: (known?.weight ?? 0) + weight });
}
