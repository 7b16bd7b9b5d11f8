/* What this browser keeps sealed: by a key in its IndexedDB that scripts may use and can't read. Who gets at what is stored alone (a copy of it, another program that reads this
 * site's storage as text) has nothing; a script that ran in these pages could still use it while they are open. */
const BASE = "admin", STORE = "keys", NAME = "servers", NONCE = 12;

function open(): Promise<IDBDatabase> {
	return new Promise((resolve, reject) => {
		const request = indexedDB.open(BASE, 1);
		request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error ?? new Error("no storage"));
	});
}
function done<T>(request: IDBRequest<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error ?? new Error("no storage"));
	});
}

/** The key; where there is none it is made. Of two tabs that make one the first one's counts. */
async function key(): Promise<CryptoKey> {
	const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]), base = await open();
	try {
		const store = base.transaction(STORE, "readwrite").objectStore(STORE), there = (await done(store.get(NAME))) as CryptoKey | undefined;
		if (!there) await done(store.add(made, NAME));
		return there ?? made;
	} finally {
		base.close();
	}
}

/** Null: this browser can't, so nothing is to be kept. */
export async function seal(text: string): Promise<string | null> {
	try {
		const nonce = crypto.getRandomValues(new Uint8Array(NONCE)), sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, await key(), new TextEncoder().encode(text));
		return btoa(String.fromCharCode(...nonce, ...new Uint8Array(sealed)));
	} catch {
		return null;
	}
}
/** Null: it isn't of this browser's key. */
export async function unseal(text: string): Promise<string | null> {
	try {
		const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
		return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, NONCE) }, await key(), bytes.slice(NONCE)));
	} catch {
		return null;
	}
}
