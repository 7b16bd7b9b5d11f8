/* What is kept on this device: tables of values by key, one database for each account. In browsers IndexedDB; elsewhere memory. Where it can't be had (a private
 * window, a full disk), pages work without: what is asked for isn't there then. */

export const TABLES = ["meta", "emails", "bodies", "info", "threads", "lists", "acts", "drafts", "outbox", "files", "cards"] as const;
export type Table = (typeof TABLES)[number];

export interface Database {
	get<T>(table: Table, key: string): Promise<T | undefined>;
	getMany<T>(table: Table, keys: string[]): Promise<(T | undefined)[]>;
	all<T>(table: Table): Promise<[string, T][]>;
	/** False: there is no room, or no database. */
	put(table: Table, entries: [string, unknown][]): Promise<boolean>;
	delete(table: Table, keys: string[]): Promise<void>;
	clear(table: Table): Promise<void>;
	close(): void;
}

/** Where the databases of all accounts are. */
export interface Databases {
	open(name: string): Promise<Database>;
	names(): Promise<string[]>;
	remove(name: string): Promise<void>;
}

// ---- Memory ----

/** Values are copied, as IndexedDB does it. */
export class MemoryDatabase implements Database {
	readonly #tables = new Map<Table, Map<string, unknown>>(TABLES.map(name => [name, new Map()]));

	#table(name: Table): Map<string, unknown> {
		return this.#tables.get(name)!;
	}

	async get<T>(table: Table, key: string): Promise<T | undefined> {
		const value = this.#table(table).get(key);
		return value === undefined ? undefined : (structuredClone(value) as T);
	}

	getMany<T>(table: Table, keys: string[]): Promise<(T | undefined)[]> {
		return Promise.all(keys.map(key => this.get<T>(table, key)));
	}

	async all<T>(table: Table): Promise<[string, T][]> {
		return [...this.#table(table)].map(([key, value]) => [key, structuredClone(value) as T]);
	}

	async put(table: Table, entries: [string, unknown][]): Promise<boolean> {
		for (const [key, value] of entries) this.#table(table).set(key, structuredClone(value));
		return true;
	}

	async delete(table: Table, keys: string[]): Promise<void> {
		for (const key of keys) this.#table(table).delete(key);
	}

	async clear(table: Table): Promise<void> {
		this.#table(table).clear();
	}

	close(): void {}
}

export class MemoryDatabases implements Databases {
	readonly #all = new Map<string, MemoryDatabase>();

	async open(name: string): Promise<Database> {
		const found = this.#all.get(name) ?? new MemoryDatabase();
		this.#all.set(name, found);
		return found;
	}

	async names(): Promise<string[]> {
		return [...this.#all.keys()];
	}

	async remove(name: string): Promise<void> {
		this.#all.delete(name);
	}
}

// ---- IndexedDB ----

const VERSION = 1;

function settled<T>(request: IDBRequest<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error ?? new Error("the database failed"));
	});
}

class IndexedDatabase implements Database {
	readonly #db: IDBDatabase;

	constructor(db: IDBDatabase) {
		this.#db = db;
		db.onversionchange = () => db.close(); // another window wipes it
	}

	#read(table: Table): IDBObjectStore {
		return this.#db.transaction(table, "readonly").objectStore(table);
	}

	async #write(table: Table, run: (store: IDBObjectStore) => void): Promise<boolean> {
		try {
			const transaction = this.#db.transaction(table, "readwrite");
			const done = new Promise<boolean>(resolve => {
				transaction.oncomplete = () => resolve(true);
				transaction.onabort = transaction.onerror = () => resolve(false);
			});
			run(transaction.objectStore(table));
			return await done;
		} catch {
			return false;
		}
	}

	async get<T>(table: Table, key: string): Promise<T | undefined> {
		try {
			return (await settled(this.#read(table).get(key))) as T | undefined;
		} catch {
			return undefined;
		}
	}

	async getMany<T>(table: Table, keys: string[]): Promise<(T | undefined)[]> {
		try {
			const store = this.#read(table);
			return await Promise.all(keys.map(key => settled(store.get(key)) as Promise<T | undefined>));
		} catch {
			return keys.map(() => undefined);
		}
	}

	async all<T>(table: Table): Promise<[string, T][]> {
		try {
			const store = this.#read(table), keys = settled(store.getAllKeys()), values = settled(store.getAll());
			const list = (await keys) as string[], found = (await values) as T[];
			return list.map((key, at) => [key, found[at]!]);
		} catch {
			return [];
		}
	}

	put(table: Table, entries: [string, unknown][]): Promise<boolean> {
		return this.#write(table, store => entries.forEach(([key, value]) => store.put(value, key)));
	}

	async delete(table: Table, keys: string[]): Promise<void> {
		await this.#write(table, store => keys.forEach(key => store.delete(key)));
	}

	async clear(table: Table): Promise<void> {
		await this.#write(table, store => store.clear());
	}

	close(): void {
		this.#db.close();
	}
}

const PREFIX = "pombal:";

export class IndexedDatabases implements Databases {
	async open(name: string): Promise<Database> {
		try {
			const request = indexedDB.open(PREFIX + name, VERSION);
			request.onupgradeneeded = () => {
				for (const table of TABLES) if (!request.result.objectStoreNames.contains(table)) request.result.createObjectStore(table);
			};
			return new IndexedDatabase(await settled(request));
		} catch {
			return new MemoryDatabase();
		}
	}

	async names(): Promise<string[]> {
		try {
			return (await indexedDB.databases()).flatMap(one => (one.name?.startsWith(PREFIX) ? [one.name.slice(PREFIX.length)] : []));
		} catch {
			return [];
		}
	}

	async remove(name: string): Promise<void> {
		await settled(indexedDB.deleteDatabase(PREFIX + name)).catch(() => undefined);
	}
}
