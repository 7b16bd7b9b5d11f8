/* Names of files, as people see them and as systems read them: the two differ, and who sends a program uses that. */
#include "attach/internal.h"
#include "message/header.h"

enum { PADDING_LEAST = 5 }; /* blanks in a row that are there to push something out of sight */

/* What systems run when it is opened, or installs something, or changes their settings. */
static const char programs[] =
	"ade adp apk app application appref-ms appx appxbundle bat chm cmd com cpl deb diagcab diagcfg diagpkg dll dmg ex ex_ exe fon gadget hlp hta inf ins isp jar "
	"jnlp job js jse lib library-ms lnk mam mde mjs mmc msc msh msh1 msh1xml msh2 msh2xml mshxml msi msix msixbundle msp mst nsh ocx ops pcd pif pkg pl prf "
	"prg printerexport ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psdm1 pyz pyzw reg rpm scf scr sct search-ms settingcontent-ms sh shb shs sys theme url vb vbe vbp vbs "
	"vhd vhdx vsw vxd webpnp website ws wsc wsf wsh xbap xll xnk";
static const char archives[] = "7z ace ar arj bz2 cab cbr cbz cpio docm docx dotm gz img iso jar lha lz lz4 lzh lzma odp ods odt potm ppam ppsm pptm pptx r00 rar sldm "
			       "tar taz tbz tbz2 tgz tlz txz udf xar xlam xlsb xlsm xlsx xltm xz z zip zipx zst";
static const char documents[] = "avi bmp csv doc docx flac gif heic htm html ics jpeg jpg mkv mov mp3 mp4 mpeg mpg odp ods odt ogg pdf png ppt pptx rtf svg tif tiff txt "
				"vcf wav webp wmv xls xlsx xml zip";
static const char unpacked[] = "avi bmp csv flac gif heic jpeg jpg mkv mov mp3 mp4 mpeg mpg ogg pdf png rtf tif tiff txt vcf wav webp wmv";

bool attach_is_program(struct slice extension) { return slice_has_word_nocase(slice_of(programs), extension); }
bool attach_is_archive(struct slice extension) { return slice_has_word_nocase(slice_of(archives), extension); }
bool attach_is_document(struct slice extension) { return slice_has_word_nocase(slice_of(unpacked), extension); }

/* Length of the character without width, or that changes the direction, at the beginning: U+00AD, U+200B to U+200F, U+202A to U+202E,
 * U+2060 to U+206F, U+FEFF; 0: it is another one. */
static size_t invisible(struct slice s, bool *reverses)
{
	const unsigned char *at = (const unsigned char *)s.at;
	if (s.len >= 2 && at[0] == 0xc2 && at[1] == 0xad)
		return 2;
	if (s.len < 3 || !((at[0] == 0xe2 && (at[1] == 0x80 || at[1] == 0x81)) || (at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf)))
		return 0;
	bool direction = (at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
	*reverses |= at[1] == 0x80 ? at[2] == 0xad || at[2] == 0xae : direction;
	return at[0] == 0xef || direction || (at[1] == 0x80 && at[2] >= 0x8b && at[2] <= 0x8f) || (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf) ? 3 : 0;
}

/* As systems read it: what has no width is left out, control characters too. */
static struct slice readable(struct slice name, struct arena *arena, bool *reverses)
{
	char *out = arena_alloc(arena, name.len + 1);
	size_t len = 0;
	for (size_t i = 0, skip; i < name.len; i += skip ? skip : 1) {
		skip = invisible(slice_skip(name, i), reverses);
		if (!skip && (unsigned char)name.at[i] >= ' ' && name.at[i] != 0x7f)
			out[len++] = ascii_lower(name.at[i]);
	}
	return slice_make(out, len);
}

/* Windows drops dots and blanks at the end. */
static struct slice without_tail(struct slice name)
{
	while (name.len > 0 && (name.at[name.len - 1] == '.' || name.at[name.len - 1] == ' '))
		name.len--;
	return name;
}

static struct slice take_extension(struct slice *name)
{
	size_t dot = slice_find_last_char(*name, '.');
	if (dot == SLICE_NONE)
		return slice_make("", 0);
	struct slice extension = slice_trim(slice_skip(*name, dot + 1));
	*name = without_tail(slice_sub(*name, 0, dot));
	return extension;
}

static struct slice last_of_path(struct slice name)
{
	for (size_t i = name.len; i > 0; i--)
		if (name.at[i - 1] == '/' || name.at[i - 1] == '\\')
			return slice_skip(name, i);
	return name;
}

static bool has_padding(struct slice name)
{
	size_t run = 0;
	for (size_t i = 0; i < name.len && run < PADDING_LEAST; i++)
		run = name.at[i] == ' ' ? run + 1 : 0;
	return run >= PADDING_LEAST;
}

/* The last bytes of what is too long, from the beginning of a character on. */
static struct slice shorten(struct slice name)
{
	if (name.len > ATTACH_NAME_MAX)
		name = slice_skip(name, name.len - ATTACH_NAME_MAX);
	while (name.len > 0 && ((unsigned char)name.at[0] & 0xc0) == 0x80)
		name = slice_skip(name, 1);
	return name;
}

void attach_read_name(struct slice raw, struct arena *arena, struct attach_name *name)
{
	bool reverses = false;
	*name = (struct attach_name){.name = shorten(header_decode(raw, arena))};
	struct slice file = last_of_path(readable(name->name, arena, &reverses)), rest = without_tail(file);
	bool tail = rest.len < file.len;
	name->extension = take_extension(&rest);
	struct slice before = take_extension(&rest);
	bool program = attach_is_program(name->extension) || slice_starts(name->extension, SLICE("{")); /* "{…}": a class, as Windows knows them */
	name->findings = (uint32_t)program << ATTACH_PROGRAM_NAME | (uint32_t)reverses << ATTACH_NAME_REVERSED |
			 (uint32_t)(has_padding(file) || (tail && program)) << ATTACH_NAME_PADDED |
			 (uint32_t)(program && slice_has_word_nocase(slice_of(documents), before)) << ATTACH_DOUBLE_EXTENSION;
}
