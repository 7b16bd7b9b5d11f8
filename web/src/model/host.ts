/* What the model needs of where it runs, beside jmap/platform.ts. */
import type { Platform } from "../jmap/platform.ts";
import { browserPlatform } from "../jmap/platform.ts";
import { IndexedDatabases, MemoryDatabases, type Databases } from "./database.ts";

export interface Host {
	readonly platform: Platform;
	readonly databases: Databases;
	/** Runs it while no other window runs something under that name. */
	lock<T>(name: string, run: () => Promise<T>): Promise<T>;
	/** Has that name for itself until what it gives is called, or the window is gone. While another has it, a window or the service worker: null, or with a signal it waits,
	 * and null means that the signal came first. */
	claim(name: string, until?: AbortSignal): Promise<(() => void) | null>;
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

/** Names that are claimed, and who waits for them. */
export function makeClaims(): Host["claim"] {
	const held = new Map<string, (() => void)[]>();
	const release = (name: string) => () => {
		const next = held.get(name)?.shift();
		if (next) next();
		else held.delete(name);
	};
	return (name, until) => {
		const waiting = held.get(name);
		if (!waiting) {
			held.set(name, []);
			return Promise.resolve(release(name));
		}
		if (!until || until.aborted) return Promise.resolve(null);
		return new Promise(resolve => {
			const take = () => resolve(release(name));
			waiting.push(take);
			until.addEventListener("abort", () => {
				const at = waiting.indexOf(take);
				if (at >= 0) waiting.splice(at, 1);
				resolve(null);
			});
		});
	};
}

/** A browser's lock is held as long as what was promised isn't kept. */
function claimLock(name: string, until?: AbortSignal): Promise<(() => void) | null> {
	return new Promise(resolve => {
		const held = (lock: unknown) => (lock ? new Promise<void>(release => resolve(release)) : resolve(null));
		navigator.locks.request(`pombal:${name}`, until ? { signal: until } : { ifAvailable: true }, held).catch(() => resolve(null));
	});
}

/** Of windows that share their databases. */
const shared = new WeakMap<Databases, Host["claim"]>();

function claimsOf(databases: Databases): Host["claim"] {
	const claim = shared.get(databases) ?? makeClaims();
	shared.set(databases, claim);
	return claim;
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
	return { platform, databases, lock: makeLock(), claim: claimsOf(databases), tell: () => {}, hear: () => () => {}, small: new SmallMemory() };
}

export function browserHost(): Host {
	const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("pombal");
	const own = makeLock(), claims = makeClaims();
	return {
		platform: browserPlatform(),
		databases: typeof indexedDB === "undefined" ? new MemoryDatabases() : new IndexedDatabases(),
		lock: (name, run) => (navigator.locks ? (navigator.locks.request(`pombal:${name}`, run) as ReturnType<typeof run>) : own(name, run)),
		claim: (name, until) => (navigator.locks ? claimLock(name, until) : claims(name, until)),
		tell: message => channel?.postMessage(message),
		hear(run) {
			const listener = (event: MessageEvent) => run(event.data);
			channel?.addEventListener("message", listener);
			return () => channel?.removeEventListener("message", listener);
		},
		small: typeof localStorage === "undefined" ? new SmallMemory() : localStorage,
	};
}
