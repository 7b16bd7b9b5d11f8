/* Which words are wrong, by the server's dictionaries and the person's own words (docs/jmap.md, "Spelling"). What was asked once is remembered as long as the window is open. */
import { bad, good, type Result } from "../jmap/errors.ts";
import { SPELLING } from "../jmap/methods.ts";
import type { Engine } from "./engine.ts";
import type { Spelling } from "./types.ts";

/** Words of one request, if the server doesn't say it; words that are remembered. */
const WORDS_MAX = 1000, LENGTH_MAX = 64, REMEMBERED_MAX = 20_000;
const SUGGESTIONS = 6;

export class SpellingOf implements Spelling {
	readonly #engine: Engine;
	/** By languages, and word. */
	readonly #known = new Map<string, Map<string, boolean>>();
	readonly #suggested = new Map<string, string[]>();

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	get #about(): Record<string, unknown> | null {
		const { client, account } = this.#engine;
		return client.has(SPELLING) ? (client.session?.accounts[account]?.accountCapabilities[SPELLING] ?? {}) : null;
	}

	get languages(): string[] {
		const list = this.#about?.["languages"];
		return Array.isArray(list) ? list.filter(one => typeof one === "string") : [];
	}

	#limit(name: string, otherwise: number): number {
		const value = this.#about?.[name];
		return typeof value === "number" && value > 0 ? value : otherwise;
	}

	#memory(languages: readonly string[]): Map<string, boolean> {
		const key = languages.join(" "), there = this.#known.get(key) ?? new Map<string, boolean>();
		this.#known.set(key, there);
		if (there.size > REMEMBERED_MAX) there.clear();
		return there;
	}

	async check(words: readonly string[], languages: readonly string[]): Promise<Result<Set<string>>> {
		const memory = this.#memory(languages), longest = this.#limit("maxWordLength", LENGTH_MAX), most = this.#limit("maxWords", WORDS_MAX);
		const distinct = [...new Set(words)].filter(word => [...word].length <= longest), asked = distinct.filter(word => !memory.has(word));
		for (let at = 0; at < asked.length; at += most) {
			const some = asked.slice(at, at + most), got = await this.#engine.client.call(this.#engine.account, "Spelling/check", { words: some, languages: [...languages] });
			if (!got.ok) return got;
			const wrong = new Set(got.value.wrong.map(({ word }) => word));
			for (const word of some) memory.set(word, !wrong.has(word));
		}
		return good(new Set(distinct.filter(word => memory.get(word) === false)));
	}

	async suggest(word: string, languages: readonly string[]): Promise<Result<string[]>> {
		const key = `${languages.join(" ")} ${word}`, known = this.#suggested.get(key);
		if (known) return good(known);
		const got = await this.#engine.client.call(this.#engine.account, "Spelling/check", { words: [word], languages: [...languages], suggestions: SUGGESTIONS });
		if (!got.ok) return got;
		const found = got.value.wrong.find(one => one.word === word)?.suggestions;
		if (found === null) return bad("busy", "serverUnavailable", "there was no time to look for suggestions");
		if (this.#suggested.size > 1000) this.#suggested.clear();
		this.#suggested.set(key, found ?? []);
		return good(found ?? []);
	}

	async learn(word: string): Promise<Result<void>> {
		const got = await this.#engine.client.call(this.#engine.account, "Spelling/learn", { add: [word] });
		if (!got.ok) return got;
		for (const memory of this.#known.values()) memory.set(word, true);
		return good(undefined);
	}
}
