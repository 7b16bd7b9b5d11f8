// Words as a spelling checker wants them, and in which language a letter is written, as far as its words tell.

export interface Word {
	/** As dictionaries write it. */
	text: string;
	/** Where it stands, in UTF-16 units. */
	start: number;
	end: number;
}

/** Words of one letter that are looked at; characters of it. */
export const WORDS_MAX = 20_000;
const TEXT_MAX = 400_000;

// What is no word of a language: addresses of pages and mail, paths, names of files and programs with digits or underscores in them.
const APART = /(?:\b[a-z][a-z0-9+.-]*:\/\/|\bwww\.|[\w.+-]+@)\S*|\S*[\d_\\/@#]\S*|\b[\p{L}\d-]+(?:\.[\p{L}\d-]{2,})+/giu;
const WORD = /[\p{L}\p{M}]+(?:['’ʼ\u00ad-][\p{L}\p{M}]+)*/gu;

/** As many blanks, so that what follows stays where it is. */
function blank(text: string): string {
	return text.replace(/[^\n]/gu, (char) => " ".repeat(char.length));
}

export function wordsOf(text: string): Word[] {
	const found: Word[] = [];
	for (const match of text.slice(0, TEXT_MAX).replace(APART, blank).matchAll(WORD)) {
		if (found.length >= WORDS_MAX) break;
		const word = match[0].replace(/[’ʼ]/gu, "'").replace(/\u00ad/gu, "");
		if (word.length > 1 && !/^\p{Lu}{2,}$/u.test(word)) found.push({ text: word, start: match.index, end: match.index + match[0].length });
	}
	return found;
}

/** What the writer wrote himself of a plain text, the rest as blanks: quoted lines, the signature and what is forwarded are others' or checked once. */
export function ownText(text: string): string {
	let over = false;
	return text.split("\n").map((line) => {
		over ||= line === "-- " || /^-{8,} .* -{8,}$/u.test(line);
		return over || line.startsWith(">") ? blank(line) : line;
	}).join("\n");
}

// ---- Which language ----

export type Spoken = "ru" | "pt" | "en";

const COMMON: Record<"pt" | "en", Set<string>> = {
	pt: new Set("que não nao uma um para com os as em é por mais foi dos das ao aos à às está isto isso você obrigado obrigada olá bom boa dia tarde também já mas ou e se do da no na seu sua meu minha nos mais muito como quando ainda até sem pelo pela são tem ser vou estou".split(" ")),
	en: new Set("the and of to is in you that it for with on have this be are not we i'm hi dear your from was will at or my please thanks thank can would but if they he she has had do does our us me so what when there here just".split(" ")),
};

/** How sure a text is of each language: by its letters and its most common words. */
function weigh(words: readonly Word[]): Record<Spoken, number> {
	const weight = { ru: 0, pt: 0, en: 0 };
	for (const { text } of words.slice(0, 2000)) {
		const low = text.toLowerCase();
		if (/\p{Script=Cyrillic}/u.test(low)) weight.ru++;
		else {
			for (const language of ["pt", "en"] as const) if (COMMON[language].has(low)) weight[language] += 2;
			if (/[ãõçâêôáéíóúà]/u.test(low)) weight.pt += 2;
			if (/(?:w|k|y|th|sh|gh|ing|ck)/u.test(low)) weight.en += 0.5;
		}
	}
	return weight;
}

/** The languages that a letter has, the one with most words first. `otherwise`: of the pages, where the letter doesn't tell. */
export function spokenIn(words: readonly Word[], otherwise: Spoken): Spoken[] {
	const weight = weigh(words), latin = words.filter(({ text }) => /\p{Script=Latin}/u.test(text)).length, found: Spoken[] = [];
	if (weight.ru > 0) found.push("ru");
	if (latin > 0) {
		const second = otherwise === "pt" ? "pt" : "en", western: Spoken = weight.pt === weight.en ? second : weight.pt > weight.en ? "pt" : "en";
		if (latin > weight.ru) found.unshift(western);
		else found.push(western);
	}
	return found.length ? found : [otherwise];
}

/** The dictionaries for a language: the one of the person's country (as browsers say it), or else of where the language comes from. Several only where none is told. */
export function dictionariesOf(language: Spoken, available: readonly string[], preferred: readonly string[]): string[] {
	const have = available.filter((one) => one === language || one.startsWith(`${language}-`));
	const wanted = preferred.find((one) => have.includes(one)) ?? have.find((one) => one === language || one === "pt-PT" || one === "en-GB") ?? have[0];
	return wanted ? [wanted] : [];
}
