/* HTML as a person sees it: its text, what of it isn't shown, where its links lead. No browser: a pass over the tags, linear and bounded, for
 * those who judge mail. Pure. */
#ifndef MESSAGE_HTML_H
#define MESSAGE_HTML_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	HTML_LINKS_MAX = 500,     /* of one text; further ones are counted only */
	HTML_TARGET_MAX = 2048,   /* bytes of a link's target; the rest is cut */
	HTML_DEPTH_MAX = 100,     /* elements inside one another whose effect on what is shown is followed */
};

struct html_link {
	struct slice target; /* as it stands in href, entities decoded */
	struct slice text;   /* what is shown for it; may be empty (a picture) */
};

struct html_page {
	struct slice text;   /* UTF-8, as shown; elements that stand on their own are divided by line ends */
	struct slice hidden; /* UTF-8 that nobody sees: display:none, size 0, in the colour of its ground */
	struct html_link *links;
	size_t link_count;
	unsigned links_beyond;  /* HTML_LINKS_MAX */
	unsigned images, remote_images, forms, scripts;
	unsigned invisible;     /* characters without width, which are left out of the text, … */
	unsigned invisible_inside; /* … and of these behind a letter of ASCII, where no script needs them; hyphens not counted */
};

/** Reads HTML in UTF-8. Never fails: anything is HTML. The result lives in `arena`. */
void html_read(struct slice html, struct arena *arena, struct html_page *page);

/** The length of a character without width at the start of UTF-8 text (soft hyphen, joiners, marks of direction, …); 0: there is none. */
size_t html_invisible_length(struct slice text);
/** Is that character, behind `before` (the text that is shown so far), one that hides a word from filters? */
bool html_invisible_inside(struct slice before, struct slice character);

#endif
