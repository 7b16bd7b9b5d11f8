// The pictures in the text of a draft: each has a Content-ID in the message, and an address within this page as long as it is open.
import type { Draft, Files } from "../model/types.ts";
import type { Pictures } from "./clean.ts";

export class DraftPictures implements Pictures {
	private readonly urls = new Map<string, string>();
	private readonly cids = new Map<string, string>();
	private readonly asked = new Set<string>();

	private readonly draft: Draft;
	private readonly files: Files;
	private readonly loaded: (cid: string, url: string) => void;

	/** `loaded` is told when a picture that the editor shows without its bytes has come. */
	constructor(draft: Draft, files: Files, loaded: (cid: string, url: string) => void) {
		this.draft = draft;
		this.files = files;
		this.loaded = loaded;
	}

	url(cid: string): string | null {
		return this.urls.get(cid) ?? null;
	}

	cid(url: string): string | null {
		return this.cids.get(url) ?? null;
	}

	private keep(cid: string, data: Blob): string {
		const url = URL.createObjectURL(data);
		this.urls.set(cid, url);
		this.cids.set(url, cid);
		return url;
	}

	add(data: Blob, name?: string): { cid: string; url: string } {
		const cid = `${crypto.randomUUID()}@pombal`;
		const kind = data.type.split("/")[1]?.replace("jpeg", "jpg") ?? "png";
		this.draft.attach(data, { name: name ?? `${cid.slice(0, 8)}.${kind}`, cid });
		return { cid, url: this.keep(cid, data) };
	}

	/** Fetches what the server has and this page hasn't; each once. Only what browsers show as a picture: its bytes decide nothing but that. */
	async load(attachments: readonly { cid: string | null; blobId: string | null; type: string }[]): Promise<void> {
		for (const { cid, blobId, type } of attachments) {
			if (!cid || !blobId || this.urls.has(cid) || this.asked.has(cid) || !/^image\/(?:png|jpeg|gif|webp|avif)$/iu.test(type)) continue;
			this.asked.add(cid);
			const answer = await this.files.download(blobId, { type });
			if (answer.ok) this.loaded(cid, this.keep(cid, answer.value.type === type ? answer.value : new Blob([answer.value], { type })));
		}
	}

	close(): void {
		for (const url of this.urls.values()) URL.revokeObjectURL(url);
		this.urls.clear();
		this.cids.clear();
	}
}
