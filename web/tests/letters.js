// A mailbox as people have it, in three languages: for tests and for pictures.

export const LETTERS = [
	{ from: "Garden Society <news@garden.example>", subject: "Seeds for spring: what to sow and when", text: "Peas and broad beans go in first; for tomatoes it is better to wait until the nights are warm.", age: 190 },
	{ from: "Дмитрий Орлов <dmitri@elsewhere.example>", subject: "Старая мельница", text: "Я вчера проходил мимо и сделал несколько фотографий. Крышу наконец починили.", age: 75 },
	{ from: "noreply@shop.example", subject: "Your order has been shipped", text: "It is on its way and should arrive on Tuesday.", age: 51 },
	{ from: "Clara de Sousa <clara@elsewhere.example>", subject: "Reunião de segunda-feira: sala nova e agenda", text: "Bom dia, a reunião passa para as 10h na sala grande. Trago as contas do trimestre.", age: 28, file: "agenda.pdf" },
	{ from: "Борис Смирнов <boris@elsewhere.example>", subject: "Счёт за ноябрь", text: "Здравствуйте! Во вложении счёт за ноябрь. Пожалуйста, проверьте сумму.", age: 7, file: "invoice.pdf" },
	{ from: "Tomás Ferreira <tomas@elsewhere.example>", subject: "Photos from the coast", text: "Here they are at last: the lighthouse, the storm, and the dog that wouldn't leave us.", age: 5 },
	{ from: "Anna Berg <anna@elsewhere.example>", subject: "Plans for the weekend", text: "Shall we take the early train? The weather looks fine, and Clara knows a place for lunch near the river.", id: "plans", age: 3 },
	{ from: "Clara de Sousa <clara@elsewhere.example>", subject: "Re: Plans for the weekend", text: "The early one, yes. I'll book a table for four at one o'clock.", answers: "plans", id: "early", age: 1 },
];
