/* A reader of that part of XML that reports are made of: elements and text. It knows no document types, hence no entities but the five that
 * XML has itself: a document that brings a DOCTYPE is refused, so nothing in it can expand, be nested by reference, or be fetched. It keeps
 * the names of the open elements, REPORT_XML_DEPTH_MAX at most, and the text of the innermost; its time is linear.
 *
 * libxml2 could do it, too: configured against all it can do besides, and held to bounds that it doesn't have (depth of its own, names, bytes
 * of a text). These 200 lines do nothing that would have to be forbidden. What senders get wrong is forgiven and noted, since much of what
 * comes is no XML in the strict sense: elements without an end, a '<' in a text, bytes that aren't UTF-8. */
#ifndef REPORT_XML_H
#define REPORT_XML_H

#include "base/buf.h"

enum { REPORT_XML_DEPTH_MAX = 24, REPORT_XML_TEXT_MAX = 2048 };

struct report_xml {
	struct slice rest;
	struct slice open[REPORT_XML_DEPTH_MAX]; /* names without the prefixes of their name spaces; point into the document */
	size_t depth;
	size_t close_to;     /* an end tag may end several elements: they are closed one by one, down to this depth */
	struct buf text;     /* of the innermost, since it began or a child of it ended */
	const char *fault;   /* the first thing that isn't as XML has it; NULL: nothing */
	const char *refused; /* why reading has stopped before the end; NULL: it hasn't */
};

enum report_xml_event {
	REPORT_XML_OPENED, /* an element has begun: the innermost of `open` */
	REPORT_XML_CLOSED, /* one has ended: *name, with *text; `open` are those around it */
	REPORT_XML_END,    /* of the document, or it was refused */
};

/** `document` must stay. report_xml_end() is due. */
void report_xml_begin(struct report_xml *xml, struct slice document);
/** Reads on to the next event. *text is good until the next call; references to characters are replaced, what is longer than
 * REPORT_XML_TEXT_MAX is cut. */
enum report_xml_event report_xml_next(struct report_xml *xml, struct slice *name, struct slice *text);
void report_xml_end(struct report_xml *xml);

/** Appends the text with what has a meaning in XML escaped. It is UTF-8 without control characters (report_clean()). */
void report_xml_append(struct buf *out, struct slice text);

#endif
