// What a page has asked for: nothing yet, what was answered, or why not. What was there before stays while it is asked again.
import { run, type Command, type Failure, type Result } from "./api.ts";

export class Asked<T> {
	value = $state.raw<T>();
	failure = $state.raw<Failure>();
	busy = $state(false);
	#ask: () => Promise<Result<T>>;
	#turn = 0;

	constructor(ask: () => Promise<Result<T>>) {
		this.#ask = ask;
	}

	async load(): Promise<void> {
		const turn = ++this.#turn;
		this.busy = true;
		const answer = await this.#ask();
		if (turn !== this.#turn) return; // asked anew meanwhile
		this.busy = false;
		if (answer.ok) {
			this.value = answer.value;
			this.failure = undefined;
		} else this.failure = answer.error;
	}
}

/** Asks at once. */
export function asked<T>(command: () => Command): Asked<T> {
	const one = new Asked<T>(() => run<T>(command()));
	void one.load();
	return one;
}
