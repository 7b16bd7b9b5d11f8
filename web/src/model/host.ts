/* What the model needs of where it runs, beside jmap/platform.ts. */
import type { Platform } from "../jmap/platform.ts";
import { browserPlatform } from "../jmap/platform.ts";
import { IndexedDatabases, MemoryDatabases, type Databases } from "./database.ts";

export interface Host {
	readonly platform: Platform;
	readonly databases: Databases;
	/** Runs it while no other window runs something under that name. */
	lock<T>(name: string, run: () => Promise<T>): Promise<T>;
	/** Tells the other windows. */
	tell(message: unknown): void;
	/** Hears what they tell; gives the function that ends it. */
	hear(run: (message: unknown) => void): () => void;
	/** A small store that is read at once: who was signed in. */
	readonly small: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

/** One at a time, in the order of their coming. */
export function makeLock(): Host["lock"] {
	const tails = new Map<string, Promise<unknown>>();
	return (name, run) => {
		const next = (tails.get(name) ?? Promise.resolve()).then(run, run);
		tails.set(name, next.catch(() => undefined));
		return next;
	};
}

class SmallMemory {
	readonly #all = new Map<string, string>();
	getItem(key: string): string | null {
		return this.#all.get(key) ?? null;
	}
	setItem(key: string, value: string): void {
		this.#all.set(key, value);
	}
	removeItem(key: string): void {
		this.#all.delete(key);
	}
}

/** Nothing of it outlives the process. */
export function memoryHost(platform: Platform, databases: Databases = new MemoryDatabases()): Host {
	return { platform, databases, lock: makeLock(), tell: () => {}, hear: () => () => {}, small: new SmallMemory() };
}

export function browserHost(): Host {
	const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("pombal");
	const own = makeLock();
	return {
		platform: browserPlatform(),
		databases: typeof indexedDB === "undefined" ? new MemoryDatabases() : new IndexedDatabases(),
		lock: (name, run) => (navigator.locks ? (navigator.locks.request(`pombal:${name}`, run) as ReturnType<typeof run>) : own(name, run)),
		tell: message => channel?.postMessage(message),
		hear(run) {
			const listener = (event: MessageEvent) => run(event.data);
			channel?.addEventListener("message", listener);
			return () => channel?.removeEventListener("message", listener);
		},
		small: typeof localStorage === "undefined" ? new SmallMemory() : localStorage,
	};
}
