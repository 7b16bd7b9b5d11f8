// Where a message doesn't say, or says wrongly, in which charset it is written: what a person may try.
import type { Files, Id } from "../model/types.ts";

export const CHARSETS = ["utf-8", "windows-1252", "windows-1251", "koi8-r", "iso-8859-2", "iso-8859-15", "ibm866", "windows-1250", "windows-1253", "windows-1255", "windows-1256", "shift_jis", "iso-2022-jp", "euc-jp", "euc-kr", "gb18030", "big5"] as const;

const SIZE_MAX = 4 * 1024 * 1024;

/** The charset that HTML itself says it has (HTML §13.2.3.2), where its part says none that fits; null: it says none that is known. */
export function charsetOfHtml(html: string): string | null {
	const said = /<meta\s[^>]*?charset\s*=\s*["']?\s*([\w:-]+)/i.exec(html.slice(0, 8192))?.[1];
	try {
		return said ? new TextDecoder(said).encoding : null;
	} catch {
		return null;
	}
}

/** A part's bytes, read in that charset; null: they can't be had. */
export async function decodeAs(files: Pick<Files, "download">, blobId: Id, charset: string): Promise<string | null> {
	const got = await files.download(blobId, { type: "application/octet-stream" });
	return got.ok ? new TextDecoder(charset).decode(await got.value.slice(0, SIZE_MAX).arrayBuffer()) : null;
}
