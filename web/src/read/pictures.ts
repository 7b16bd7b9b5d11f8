// Getting a letter's pictures: those of elsewhere through this server, which tells their senders nothing of who reads; parts of the letter from the mail itself.
import type { Picture } from "./html.ts";
import type { EmailBodyPart } from "../model/types.ts";

const AT_ONCE = 4;
const RASTER = /^image\/(?:png|jpe?g|gif|webp|avif|bmp)$/i;

/** Where this server gives a picture of elsewhere; `at`: of the account that asks for it. */
export function pictureUrl(address: string, at = ""): string {
	return `${at}/picture?url=${encodeURIComponent(address)}`;
}

/** The part that a Content-ID names, if browsers show such: SVG is a document, and isn't shown as a picture. */
export function partOf(parts: readonly EmailBodyPart[], cid: string): EmailBodyPart | null {
	const bare = (id: string | null) => (id ?? "").replace(/^<|>$/g, "").toLowerCase();
	return parts.find((part) => part.cid && bare(part.cid) === cid.toLowerCase() && RASTER.test(part.type) && part.blobId) ?? null;
}

export interface PictureSource {
	/** The bytes of a part; null: they can't be had. */
	part: (part: EmailBodyPart, signal: AbortSignal) => Promise<Blob | null>;
	/** The account's: what stands before the paths of requests that speak of it. */
	at?: string;
	/** Of the tests: in the place of the browser's own. */
	fetch?: typeof fetch;
}

export interface Progress {
	loaded: number;
	failed: number;
	total: number;
}

async function fetchRemote(address: string, at: string | undefined, signal: AbortSignal, get: typeof fetch): Promise<Blob | null> {
	for (let again = 0; again < 3; again++) {
		const answer = await get(pictureUrl(address, at), { signal, credentials: "same-origin", redirect: "error" });
		if (answer.ok) return answer.blob();
		if (answer.status !== 429 && answer.status !== 503) return null;
		await new Promise((resolve) => setTimeout(resolve, 500 * (again + 1)));
	}
	return null;
}

/** Gets pictures, four at a time, and hands each on as an address of this page's. Whoever calls it revokes these: `urls` has them. Aborting ends it. */
export async function getPictures(
	pictures: readonly Picture[], parts: readonly EmailBodyPart[], source: PictureSource, signal: AbortSignal,
	show: (picture: Picture, url: string) => void, urls: string[],
): Promise<Progress> {
	const progress: Progress = { loaded: 0, failed: 0, total: pictures.length };
	const waiting = pictures.slice();
	const one = async (picture: Picture): Promise<void> => {
		let blob: Blob | null = null;
		try {
			if (picture.kind === "remote") blob = await fetchRemote(picture.name, source.at, signal, source.fetch ?? fetch);
			else {
				const part = partOf(parts, picture.name);
				const bytes = part && (await source.part(part, signal));
				blob = bytes && new Blob([bytes], { type: part.type.toLowerCase() });
			}
		} catch {
			blob = null;
		}
		if (signal.aborted) return;
		if (!blob || !RASTER.test(blob.type)) {
			progress.failed++;
			return;
		}
		const url = URL.createObjectURL(blob);
		urls.push(url);
		progress.loaded++;
		show(picture, url);
	};
	const worker = async (): Promise<void> => {
		for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) await one(next);
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	return progress;
}
