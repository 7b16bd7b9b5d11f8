/* Blobs: up in pieces, of which the server makes one (Blob/upload, RFC 9404), so that a break costs a piece at most; and down. */
import { Store, type Readable } from "../base/store.ts";
import type { Client } from "./client.ts";
import { bad, good, type Result } from "./errors.ts";
import { backOff } from "./platform.ts";
import type { Id } from "./types.ts";

/** Bytes of a piece, at least; what is smaller goes at once. The server takes so many pieces for a blob. */
const PIECE = 2 * 1024 * 1024, PIECES_MAX = 64;
/** Uploads at a time: the server takes four, and there may be other windows. */
const CONCURRENT_MAX = 2;
/** How long a piece may take; ms. */
const PATIENCE = 10 * 60_000;

export interface Upload {
	/** 0 to 1. */
	readonly progress: Readable<number>;
	readonly done: Promise<Result<{ blobId: Id; type: string; size: number }>>;
	/** Stops it; resume() goes on where it stopped. */
	pause(): void;
	resume(): void;
	abort(): void;
}

export interface Files {
	/** In pieces, so that it goes on after a break: it waits for the server as long as it takes. */
	upload(file: Blob, type?: string): Upload;
	/** Where a browser downloads it from: for links. Of the same origin, always "save as". */
	url(blobId: Id, name: string, type: string): string;
	/** The bytes. */
	download(blobId: Id, options?: { type?: string; signal?: AbortSignal; progress?: (part: number) => void }): Promise<Result<Blob>>;
}

type Uploaded = Result<{ blobId: Id; type: string; size: number }>;

class UploadOf implements Upload {
	readonly progress = new Store(0);
	readonly done: Promise<Uploaded>;
	#resolve!: (result: Uploaded) => void;
	#ended = false;
	#abort: AbortController | null = null;
	#wake: (() => void) | null = null;
	#paused = false;
	readonly #pieces: Id[] = [];
	readonly #files: FilesOf;
	readonly #file: Blob;
	readonly #type: string;

	constructor(files: FilesOf, file: Blob, type: string) {
		this.#files = files;
		this.#file = file;
		this.#type = type;
		this.done = new Promise(resolve => (this.#resolve = resolve));
		void this.#run();
	}

	pause(): void {
		this.#paused = true;
		this.#abort?.abort();
	}

	resume(): void {
		this.#paused = false;
		this.#wake?.();
	}

	abort(): void {
		this.#finish(bad("aborted", "", "given up"));
		this.#abort?.abort();
		this.#wake?.();
	}

	#finish(result: Uploaded): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#resolve(result);
	}

	async #run(): Promise<void> {
		const size = this.#file.size, piece = Math.max(PIECE, Math.ceil(size / PIECES_MAX));
		if (size > this.#files.client.limits.maxSizeUpload) return this.#finish(bad("tooLarge", "maxSizeUpload", "the server takes no file of that size"));
		const count = Math.max(1, Math.ceil(size / piece));
		for (let attempt = 0; this.#pieces.length < count && !this.#ended; ) {
			if (this.#paused) await new Promise<void>(resolve => (this.#wake = resolve));
			if (this.#paused || this.#ended) continue;
			this.#abort = new AbortController();
			const at = this.#pieces.length * piece;
			const sent = await this.#files.send(this.#file.slice(at, at + piece), count === 1 ? this.#type : "application/octet-stream", this.#abort.signal);
			if (sent.ok) {
				attempt = 0;
				this.#pieces.push(sent.value);
				this.progress.set(Math.min(1, (at + piece) / Math.max(size, 1)));
			} else if (sent.error.kind === "offline" || sent.error.kind === "busy" || sent.error.kind === "signedOut") {
				// waits for better times, for a file that is to be sent is somebody's work
				await this.#files.client.platform.sleep(backOff(attempt++, this.#files.client.platform.random(), 1000, 30_000), this.#abort.signal);
			} else if (!this.#paused) {
				return this.#finish(sent);
			}
		}
		if (!this.#ended) this.#finish(await this.#join());
	}

	async #join(): Promise<Uploaded> {
		const whole = { type: this.#type, size: this.#file.size };
		if (this.#pieces.length === 1) return good({ blobId: this.#pieces[0]!, ...whole });
		const made = await this.#files.client.call(this.#files.account, "Blob/upload", { create: { b: { data: this.#pieces.map(blobId => ({ blobId })), type: this.#type } } }, { repeat: true });
		if (!made.ok) return made;
		const blob = made.value.created?.["b"], error = made.value.notCreated?.["b"];
		return blob ? good({ blobId: blob.id, ...whole }) : bad("refused", error?.type ?? "", error?.description ?? "the pieces couldn't be joined");
	}
}

export class FilesOf implements Files {
	readonly client: Client;
	readonly account: Id;
	#running = 0;
	#queue: (() => void)[] = [];

	constructor(client: Client, account: Id) {
		this.client = client;
		this.account = account;
	}

	upload(file: Blob, type = file.type || "application/octet-stream"): Upload {
		return new UploadOf(this, file, type);
	}

	/** One piece; its blob. */
	async send(piece: Blob, type: string, signal: AbortSignal): Promise<Result<Id>> {
		if (this.#running >= CONCURRENT_MAX) await new Promise<void>(resolve => this.#queue.push(resolve));
		this.#running++;
		try {
			const url = this.client.url(this.client.session?.uploadUrl ?? "/jmap/upload/{accountId}/").replace("{accountId}", encodeURIComponent(this.account));
			const answer = await this.client.fetch(url, { method: "POST", body: piece, headers: { "Content-Type": type } }, { signal, patience: PATIENCE });
			if (!answer.ok) return answer;
			const { blobId } = (await answer.value.json()) as { blobId: Id };
			return good(blobId);
		} catch (cause) {
			return bad("offline", "", "the answer broke off", { cause });
		} finally {
			this.#running--;
			this.#queue.shift()?.();
		}
	}

	url(blobId: Id, name: string, type: string): string {
		const values: Record<string, string> = { accountId: this.account, blobId, name: name || "file", type: type || "application/octet-stream" };
		const template = this.client.session?.downloadUrl ?? "/jmap/download/{accountId}/{blobId}?type={type}&name={name}";
		return this.client.url(template).replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(values[key] ?? ""));
	}

	async download(blobId: Id, options: { type?: string; signal?: AbortSignal; progress?: (part: number) => void } = {}): Promise<Result<Blob>> {
		const type = options.type ?? "application/octet-stream";
		const answer = await this.client.fetch(this.url(blobId, "file", type), { method: "GET" }, { signal: options.signal, patience: PATIENCE });
		if (!answer.ok) return answer;
		const total = Number(answer.value.headers.get("Content-Length") ?? 0), parts: BlobPart[] = [];
		try {
			const reader = answer.value.body!.getReader();
			for (let got = 0; ; ) {
				const { done, value } = await reader.read();
				if (done) return good(new Blob(parts, { type }));
				parts.push(value);
				got += value.length;
				if (total > 0) options.progress?.(Math.min(1, got / total));
			}
		} catch (cause) {
			return options.signal?.aborted ? bad("aborted", "", "given up") : bad("offline", "", "the download broke off", { cause });
		}
	}
}
