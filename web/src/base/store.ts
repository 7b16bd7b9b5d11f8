/* Stores after Svelte's contract: who subscribes is told the value at once and whenever it changes. Without Svelte, so that all this runs anywhere. */

export interface Readable<T> {
	/** Tells the value now and at each change; gives the function that ends it. */
	subscribe(run: (value: T) => void): () => void;
}

/** One that can be set, and read without subscribing. */
export class Store<T> implements Readable<T> {
	#value: T;
	#listeners = new Set<(value: T) => void>();
	#onFirst: (() => (() => void) | void) | undefined;
	#onLast: (() => void) | void = undefined;

	/** `onFirst` runs when somebody listens for the first time; what it gives, when nobody does any more. */
	constructor(value: T, onFirst?: () => (() => void) | void) {
		this.#value = value;
		this.#onFirst = onFirst;
	}

	get value(): T {
		return this.#value;
	}

	set(value: T): void {
		if (Object.is(value, this.#value) && (typeof value !== "object" || value === null)) return;
		this.#value = value;
		for (const run of [...this.#listeners]) run(value);
	}

	update(change: (value: T) => T): void {
		this.set(change(this.#value));
	}

	subscribe(run: (value: T) => void): () => void {
		this.#listeners.add(run);
		if (this.#listeners.size === 1) this.#onLast = this.#onFirst?.();
		run(this.#value);
		return () => {
			if (this.#listeners.delete(run) && this.#listeners.size === 0) this.#onLast?.();
		};
	}
}

/** A store that is made of another. */
export function derived<A, B>(source: Readable<A>, make: (value: A) => B): Readable<B> {
	return { subscribe: run => source.subscribe(value => run(make(value))) };
}

/** The value now. */
export function get<T>(store: Readable<T>): T {
	let found: T | undefined;
	store.subscribe(value => (found = value))();
	return found as T;
}

/** Resolves with the first value that fits. */
export function until<T>(store: Readable<T>, fits: (value: T) => boolean): Promise<T> {
	return new Promise(resolve => {
		let end: (() => void) | null = null, done = false;
		end = store.subscribe(value => {
			if (done || !fits(value)) return;
			done = true;
			end?.();
			resolve(value);
		});
		if (done) end();
	});
}
