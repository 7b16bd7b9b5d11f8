// A mailbox as people have it, in three languages: for tests and for pictures.
import { pages } from "./read/pdf.js";
import { compose } from "./server.js";

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

/** As shops and societies send them: a table, colours, pictures of elsewhere, a list to leave. */
export const NEWSLETTER = { from: "River Society <news@river.example>", subject: "The river news: walks, boats and a flood of flowers", age: 30, raw: `From: River Society <news@river.example>
To: alice@example.test
Subject: The river news: walks, boats and a flood of flowers
Date: ${new Date(Date.now() - 30 * 3_600_000).toUTCString().replace("GMT", "+0000")}
Message-ID: <river-news@tests.example>
List-Unsubscribe: <mailto:leave@river.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=mix

--mix
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain; charset=utf-8

Walks, boats and a flood of flowers.
--alt
Content-Type: text/html; charset=utf-8

<body bgcolor="#eef3ee"><table width="600" align="center" cellpadding="24" bgcolor="#ffffff"><tr><td style="font-family:Georgia,serif;color:#2b3a33">
<img src="https://river.example/head.png" width="552" height="90" alt="The river at dawn"><h1 style="color:#1d5c4a;font-size:24px">A flood of flowers</h1>
<p>Dear friends, the meadows below the old mill are in bloom. Join us on <b>Saturday at ten</b> for a walk along the bank; boats leave from the bridge.</p>
<p><a href="https://river.example/walks" style="background:#1d5c4a;color:#ffffff;padding:10px 18px;border-radius:4px;text-decoration:none">See all walks</a></p>
<p style="color:#777777;font-size:12px">You get this because you joined the society.</p></td></tr></table></body>
--alt--
--mix
Content-Type: application/pdf; name="walks.pdf"
Content-Disposition: attachment; filename="walks.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQgbm90aGluZw==
--mix
Content-Type: text/plain; charset=utf-8; name="what to bring.txt"
Content-Disposition: attachment; filename="what to bring.txt"

Shoes, water, a hat.
--mix--` };

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAGAAAABACAIAAABqVuVZAAAAh0lEQVR42u3aQQ0AIAwDwOlAGR4wygcHiMHEHqS5pAK6ezarfU9Lxpot+a1PAQIECBAgQIAAAQIECBAgQIAAhQGlHtbVBxAgQIAAAQIECBAgQIAAAQIEKA3IYGZRBAQIECBAgAABAgQIECBAgAD5DzKYWRQBAQIECBAgQIAAAQIECBAgQLFADxm6qkp+L/kwAAAAAElFTkSuQmCC", "base64");
const INNER = compose("clara@elsewhere.example", {
	from: "Tomás Ferreira <tomas@elsewhere.example>", subject: "A acta da reunião de outubro", text: "Cara Clara,\n\nsegue a acta, com as contas do trimestre.\n\nTomás", age: 60,
	parts: [{ type: "application/pdf", name: "acta.pdf", bytes: pages(["Acta da reuniao", "Contas"], { size: "0 0 595 842" }) }],
});

/** One that asks for a receipt, and has a letter, a PDF file, a picture and a text with it. */
export const FULL = {
	from: "Clara de Sousa <clara@elsewhere.example>", subject: "Relatório anual e acta da reunião", text: "Bom dia,\n\nenvio o relatório, e a acta que o Tomás me mandou.\n\nClara", age: 40, fields: ["Disposition-Notification-To: <clara@elsewhere.example>"],
	parts: [
		{ type: "application/pdf", name: "relatorio.pdf", bytes: pages(["Relatorio anual", "Receitas", "Despesas"], { size: "0 0 595 842" }) }, { type: "message/rfc822", name: "", bytes: Buffer.from(INNER) },
		{ type: "image/png", name: "capa.png", bytes: PICTURE }, { type: "text/plain; charset=utf-8", name: "notas.txt", bytes: Buffer.from("Receitas\t1200\nDespesas\t950\nSaldo\t250\n") },
	],
};
