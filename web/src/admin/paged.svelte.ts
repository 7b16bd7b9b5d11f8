// A long list, page by page: what comes behind is asked for when it is scrolled to.
import { run, type Command, type Failure } from "./api.ts";

export const PAGE_ROWS = 200;

/** What a list of rows needs of it. */
export interface Rows<T> {
	readonly items: readonly T[];
	readonly ended: boolean;
	readonly busy: boolean;
	readonly failure: Failure | undefined;
	restart(): Promise<void>;
	more(): Promise<void>;
}

export class Paged<T> implements Rows<T> {
	items = $state.raw<T[]>([]);
	/** There is no more. */
	ended = $state(false);
	busy = $state(false);
	failure = $state.raw<Failure>();
	#command: () => Command;
	#idOf: (item: T) => string;
	#turn = 0;

	/** `idOf`: by what the server goes on behind an item. */
	constructor(command: () => Command, idOf: (item: T) => string) {
		this.#command = command;
		this.#idOf = idOf;
	}

	/** From the beginning; what is shown stays until the first page has come. */
	async restart(): Promise<void> {
		await this.#load(null);
	}

	/** The next page, unless it is on its way already. */
	async more(): Promise<void> {
		const last = this.items.at(-1);
		if (!this.busy && !this.ended && !this.failure && last !== undefined) await this.#load(this.#idOf(last));
	}

	async #load(after: string | null): Promise<void> {
		const turn = ++this.#turn, command = this.#command();
		this.busy = true;
		const answer = await run<T[]>({ ...command, options: { ...command.options, limit: String(PAGE_ROWS), ...(after === null ? {} : { after }) } });
		if (turn !== this.#turn) return;
		this.busy = false;
		this.failure = answer.ok ? undefined : answer.error;
		if (!answer.ok) return;
		this.items = after === null ? answer.value : [...this.items, ...answer.value];
		this.ended = answer.value.length < PAGE_ROWS;
	}
}
