/* Names of mailboxes and labels; see folder_names.h. */
#include "cli/folder_names.h"

struct row {
	const char *name;
	int meaning;
};

/* As Outlook and Exchange, Apple Mail, Thunderbird, Gmail and webmail programs name them. ASCII letters match in any case. */
static const struct row folders[] = {
	{"Sent Items", USE_SENT}, {"Sent Messages", USE_SENT}, {"Sent Mail", USE_SENT}, {"sent-mail", USE_SENT}, {"Sent-Mail", USE_SENT},
	{"Gesendet", USE_SENT}, {"Gesendete Objekte", USE_SENT}, {"Gesendete Elemente", USE_SENT}, {"Отправленные", USE_SENT},
	{"Исходящие", USE_SENT}, {"Enviados", USE_SENT}, {"Enviadas", USE_SENT}, {"Itens enviados", USE_SENT}, {"Itens Enviados", USE_SENT},
	{"Mensagens enviadas", USE_SENT}, {"Elementos enviados", USE_SENT}, {"Envoyés", USE_SENT}, {"Éléments envoyés", USE_SENT},
	{"Messages envoyés", USE_SENT}, {"Inviati", USE_SENT}, {"Posta inviata", USE_SENT}, {"Verzonden", USE_SENT}, {"Wysłane", USE_SENT},
	{"Надіслані", USE_SENT}, {"Отправленные элементы", USE_SENT},
	{"Deleted Items", USE_TRASH}, {"Deleted Messages", USE_TRASH}, {"Deleted", USE_TRASH}, {"Bin", USE_TRASH}, {"Papierkorb", USE_TRASH},
	{"Gelöschte Objekte", USE_TRASH}, {"Gelöschte Elemente", USE_TRASH}, {"Удаленные", USE_TRASH}, {"Удалённые", USE_TRASH},
	{"Корзина", USE_TRASH}, {"Lixeira", USE_TRASH}, {"Lixo", USE_TRASH}, {"Itens excluídos", USE_TRASH}, {"Itens Excluídos", USE_TRASH},
	{"Itens eliminados", USE_TRASH}, {"Papelera", USE_TRASH}, {"Corbeille", USE_TRASH}, {"Cestino", USE_TRASH}, {"Prullenbak", USE_TRASH},
	{"Kosz", USE_TRASH}, {"Кошик", USE_TRASH},
	{"Spam", USE_JUNK}, {"Junk E-mail", USE_JUNK}, {"Junk Email", USE_JUNK}, {"Junk-E-Mail", USE_JUNK}, {"Bulk Mail", USE_JUNK},
	{"Спам", USE_JUNK}, {"Lixo eletrônico", USE_JUNK}, {"Lixo Eletrônico", USE_JUNK}, {"Lixo eletrónico", USE_JUNK},
	{"Correo no deseado", USE_JUNK}, {"Indésirables", USE_JUNK}, {"Courrier indésirable", USE_JUNK},
	{"Draft", USE_DRAFTS}, {"Entwürfe", USE_DRAFTS}, {"Черновики", USE_DRAFTS}, {"Rascunhos", USE_DRAFTS}, {"Borradores", USE_DRAFTS},
	{"Brouillons", USE_DRAFTS}, {"Bozze", USE_DRAFTS}, {"Concepten", USE_DRAFTS}, {"Szkice", USE_DRAFTS}, {"Чернетки", USE_DRAFTS},
	{"Archives", USE_ARCHIVE}, {"Archiv", USE_ARCHIVE}, {"Архив", USE_ARCHIVE}, {"Arquivo", USE_ARCHIVE}, {"Arquivo Morto", USE_ARCHIVE},
	{"Archivo", USE_ARCHIVE}, {"Archivio", USE_ARCHIVE}, {"Archief", USE_ARCHIVE}, {"Archiwum", USE_ARCHIVE}, {"Архів", USE_ARCHIVE},
};

static const struct row labels[] = {
	{"Inbox", LABEL_INBOX}, {"Posteingang", LABEL_INBOX}, {"Входящие", LABEL_INBOX}, {"Caixa de entrada", LABEL_INBOX},
	{"Recibidos", LABEL_INBOX}, {"Boîte de réception", LABEL_INBOX}, {"Posta in arrivo", LABEL_INBOX}, {"Postvak IN", LABEL_INBOX},
	{"Odebrane", LABEL_INBOX}, {"Вхідні", LABEL_INBOX},
	{"Sent", LABEL_SENT}, {"Drafts", LABEL_DRAFTS}, {"Spam", LABEL_JUNK}, {"Trash", LABEL_TRASH},
	{"Starred", LABEL_STARRED}, {"Markiert", LABEL_STARRED}, {"Помеченные", LABEL_STARRED}, {"Com estrela", LABEL_STARRED},
	{"Destacados", LABEL_STARRED}, {"Messages suivis", LABEL_STARRED}, {"Speciali", LABEL_STARRED}, {"Met ster", LABEL_STARRED},
	{"Opened", LABEL_SEEN}, {"Geöffnet", LABEL_SEEN}, {"Открытые", LABEL_SEEN}, {"Aberto", LABEL_SEEN}, {"Aberta", LABEL_SEEN},
	{"Abiertos", LABEL_SEEN}, {"Ouvert", LABEL_SEEN}, {"Ouverts", LABEL_SEEN}, {"Aperti", LABEL_SEEN}, {"Geopend", LABEL_SEEN},
	{"Unread", LABEL_UNSEEN}, {"Ungelesen", LABEL_UNSEEN}, {"Непрочитанные", LABEL_UNSEEN}, {"Não lidas", LABEL_UNSEEN},
	{"Não lidos", LABEL_UNSEEN}, {"No leídos", LABEL_UNSEEN}, {"Non lus", LABEL_UNSEEN}, {"Da leggere", LABEL_UNSEEN},
	{"Ongelezen", LABEL_UNSEEN},
	{"Archived", LABEL_NOTHING}, {"Archiviert", LABEL_NOTHING}, {"Архивированные", LABEL_NOTHING}, {"Arquivado", LABEL_NOTHING},
	{"Arquivada", LABEL_NOTHING}, {"Archivados", LABEL_NOTHING}, {"Archivé", LABEL_NOTHING},
};

static int look_up(const struct row *rows, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(slice_of(rows[i].name), name))
			return rows[i].meaning;
	return 0;
}

enum special_use cli_folder_use(struct slice name)
{
	return (enum special_use)look_up(folders, sizeof folders / sizeof *folders, name);
}

enum cli_label cli_label_meaning(struct slice label)
{
	static const struct {
		enum special_use use;
		enum cli_label label;
	} uses[] = {{USE_SENT, LABEL_SENT}, {USE_DRAFTS, LABEL_DRAFTS}, {USE_JUNK, LABEL_JUNK}, {USE_TRASH, LABEL_TRASH}, {USE_ARCHIVE, LABEL_NOTHING}};
	enum special_use use = cli_folder_use(label);
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		if (use == uses[i].use)
			return uses[i].label;
	return (enum cli_label)look_up(labels, sizeof labels / sizeof *labels, label);
}
