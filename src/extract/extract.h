/* Getting the text out of attached documents: office formats that are zip archives of XML (OOXML: docx, xlsx, pptx; ODF: odt, ods, odp), and PDF, but
 * for what is encrypted, or a picture. All that it reads is hostile: it is bounded in bytes, entries, depth and work, and is to be called in a process
 * that can do nothing else (main/extractor.h). No input or output. */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "base/buf.h"

enum {
	EXTRACT_TEXT_MAX = 4 * 1024 * 1024,      /* bytes of text of a document; the rest is left out */
	EXTRACT_UNPACKED_MAX = 64 * 1024 * 1024, /* bytes that are unpacked for it */
	EXTRACT_ENTRIES_MAX = 5000,              /* of an archive */
};

enum extract_kind { EXTRACT_NOTHING, EXTRACT_OFFICE, EXTRACT_PDF };

/** By how it begins, and its name. */
enum extract_kind extract_kind_of(struct slice name, struct slice content);
/** Appends the text, as UTF-8 or what was meant to be. False: it isn't what it should be; what there was of it is appended. */
bool extract_text(enum extract_kind kind, struct slice content, struct buf *out);
/** Appends the text of an XML document: that of its elements, with a blank for each paragraph, cell, tab and line. */
void extract_xml(struct slice xml, struct buf *out);

#endif
