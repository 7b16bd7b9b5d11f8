// PDF files, shown by pdf.js: loaded when the first is opened. A stranger's file is read in a worker that can be ended; it gets bytes, not addresses, so that nothing in it can ask anybody
// for anything; scripts, forms and links of it are left alone; its size, pages, pixels and time are bounded.
import { getDocument, PDFWorker, type PDFDocumentProxy, type PDFPageProxy, renderTextLayer, VerbosityLevel } from "pdfjs-dist/legacy/build/pdf.mjs";
import workerFile from "pdfjs-dist/legacy/build/pdf.worker.min.mjs?url";
import { scriptUrl } from "../base/trusted.ts";

/** Bytes of a file; pages of it that are shown; pixels of one page and of one picture in it; words of a page that can be chosen; milliseconds that opening it or one page may take. */
export const PDF_MAX = 40_000_000, PAGES_MAX = 500;
const PIXELS_MAX = 8_000_000, PICTURE_MAX = 60_000_000, WORDS_MAX = 20_000, PATIENCE = 30_000;

/** `locked`: it has a password. `slow`: it took too long, and was given up. */
export type PdfFailure = "large" | "locked" | "broken" | "slow";

export interface PageSize {
	width: number;
	height: number;
}

function within<T>(work: Promise<T>, late: () => void): Promise<T> {
	let timer: ReturnType<typeof setTimeout>;
	const patience = new Promise<never>((_, reject) => (timer = setTimeout(() => {
		late();
		reject(new Slow());
	}, PATIENCE)));
	return Promise.race([work, patience]).finally(() => clearTimeout(timer));
}

class Slow extends Error {}

export class Pdf {
	readonly #worker: Worker;
	readonly #document: PDFDocumentProxy;
	readonly #running = new Set<{ cancel(): void }>();
	#closed = false;

	private constructor(worker: Worker, document: PDFDocumentProxy) {
		this.#worker = worker;
		this.#document = document;
	}

	static async open(file: Blob): Promise<Pdf | PdfFailure> {
		if (file.size > PDF_MAX) return "large";
		const port = new Worker(scriptUrl(workerFile), { type: "module" });
		const stop = () => port.terminate();
		try {
			const data = new Uint8Array(await file.arrayBuffer()), worker = new PDFWorker({ port, verbosity: VerbosityLevel.ERRORS } as never);
			const opening = getDocument({
				data, worker, isEvalSupported: false, enableXfa: false, disableRange: true, disableStream: true, disableAutoFetch: true, useWorkerFetch: false, useSystemFonts: true,
				maxImageSize: PICTURE_MAX, canvasMaxAreaInBytes: 4 * PICTURE_MAX, verbosity: VerbosityLevel.ERRORS,
			});
			return new Pdf(port, await within(opening.promise, stop));
		} catch (error) {
			stop();
			return error instanceof Slow ? "slow" : error instanceof Error && error.name === "PasswordException" ? "locked" : "broken";
		}
	}

	get pages(): number {
		return Math.min(this.#document.numPages, PAGES_MAX);
	}

	/** How many there are that aren't shown. */
	get more(): number {
		return Math.max(0, this.#document.numPages - PAGES_MAX);
	}

	async #page(number: number): Promise<PDFPageProxy> {
		return within(this.#document.getPage(number), () => this.close());
	}

	/** In points, turned as it is to be seen; null: it can't be read. */
	async size(number: number): Promise<PageSize | null> {
		try {
			const { width, height } = (await this.#page(number)).getViewport({ scale: 1 });
			return width >= 1 && height >= 1 && width < 20_000 && height < 20_000 ? { width, height } : null;
		} catch {
			return null;
		}
	}

	/** Draws a page so many pixels of the page's layout wide, and puts its words over it, so that they can be chosen and read aloud. False: it can't be drawn, or the file was closed. */
	async draw(number: number, canvas: HTMLCanvasElement, words: HTMLElement, width: number): Promise<boolean> {
		try {
			const page = await this.#page(number), plain = page.getViewport({ scale: 1 }), shown = page.getViewport({ scale: width / plain.width });
			const dense = Math.min(devicePixelRatio || 1, Math.sqrt(PIXELS_MAX / (shown.width * shown.height))), viewport = page.getViewport({ scale: shown.scale * dense });
			canvas.width = Math.max(1, Math.floor(viewport.width));
			canvas.height = Math.max(1, Math.floor(viewport.height));
			const context = canvas.getContext("2d", { alpha: false });
			if (!context) return false;
			const task = page.render({ canvasContext: context, viewport, annotationMode: 1 });
			this.#running.add(task);
			await within(task.promise, () => task.cancel()).finally(() => this.#running.delete(task));
			await this.#put(page, words, shown);
			return !this.#closed;
		} catch {
			return false;
		}
	}

	async #put(page: PDFPageProxy, words: HTMLElement, viewport: ReturnType<PDFPageProxy["getViewport"]>): Promise<void> {
		const content = await within(page.getTextContent(), () => this.close());
		words.replaceChildren();
		words.style.setProperty("--scale-factor", String(viewport.scale));
		if (content.items.length <= WORDS_MAX) await renderTextLayer({ textContentSource: content, container: words, viewport }).promise;
	}

	/** Ends all of it. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		for (const task of this.#running) task.cancel();
		this.#worker.terminate();
		void this.#document.destroy().catch(() => undefined);
	}
}
