// Texts of the catalogues: choosing the plural, and putting values into their places.

/** A text, or one for each plural category of the language (Unicode's, as Intl.PluralRules names them). */
export type Message = string | { [category: string]: string };
export type Values = { [name: string]: string | number };

/** Puts values into a text's {places}; numbers as the language writes them. The plural is chosen by the value `n`. */
export function formatMessage(message: Message, values: Values, language: string): string {
	let text: string;
	if (typeof message === "string") text = message;
	else {
		const n = Number(values.n ?? 0);
		text = (n === 0 ? message.zero : undefined) ?? message[new Intl.PluralRules(language).select(n)] ?? message.other ?? "";
	}
	return text.replace(/\{(\w+)\}/g, (place, name: string) => {
		const value = values[name];
		return value === undefined ? place : typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
	});
}
