/* A reader of that part of XML that other programs' reports and questions are made of: elements and text. It knows no document types, hence
 * no entities but the five that XML has itself: a document that brings a DOCTYPE is refused, so nothing in it can expand, be nested by
 * reference, or be fetched. It keeps the names of the open elements, XML_DEPTH_MAX at most, and the text of the innermost; its time is
 * linear.
 *
 * libxml2 could do it, too: configured against all it can do besides, and held to bounds that it doesn't have (depth of its own, names, bytes
 * of a text). These 200 lines do nothing that would have to be forbidden. What senders get wrong is forgiven and noted, since much of what
 * comes is no XML in the strict sense: elements without an end, a '<' in a text, bytes that aren't UTF-8. */
#ifndef XML_H
#define XML_H

#include "base/buf.h"

enum { XML_DEPTH_MAX = 24, XML_TEXT_MAX = 2048 };

struct xml {
	struct slice rest;
	struct slice open[XML_DEPTH_MAX]; /* names without the prefixes of their name spaces; point into the document */
	size_t depth;
	struct slice attributes; /* of the element that has begun last, as they stand there */
	size_t close_to;     /* an end tag may end several elements: they are closed one by one, down to this depth */
	struct buf text;     /* of the innermost, since it began or a child of it ended */
	const char *fault;   /* the first thing that isn't as XML has it; NULL: nothing */
	const char *refused; /* why reading has stopped before the end; NULL: it hasn't */
};

enum xml_event {
	XML_OPENED, /* an element has begun: the innermost of `open` */
	XML_CLOSED, /* one has ended: *name, with *text; `open` are those around it */
	XML_END,    /* of the document, or it was refused */
};

/** `document` must stay. xml_end() is due. */
void xml_begin(struct xml *xml, struct slice document);
/** Reads on to the next event. *text is good until the next call; references to characters are replaced, what is longer than
 * XML_TEXT_MAX is cut. */
enum xml_event xml_next(struct xml *xml, struct slice *name, struct slice *text);
void xml_end(struct xml *xml);
/** After XML_OPENED: the value of one of its attributes, as it stands there (references to characters aren't replaced). False: it has none of that
 * name. */
bool xml_attribute(const struct xml *xml, struct slice name, struct slice *value);

/** Appends the text with what has a meaning in XML escaped, in elements and in attributes. Control characters become blanks; a text that isn't
 * UTF-8, or holds what is no character of XML, has a '?' for each byte from 0x80 on: whatever it is, the document stays well-formed. */
void xml_append(struct buf *out, struct slice text);

#endif
