/* cc -O2 -I. examples/telem.c -o examples/telem -llz4 -lm

   telem: looks into telem files, turns them into CSV, NDJSON and pictures, and CSV into them.
   Each command is one header beside this file and one line in the table below. */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#define TELEM_IMPLEMENTATION
#define TELEM_STATIC
#include "telem_file.h"

#include "tool.h"
#include "tool_time.h"
#include "tool_input.h"
#include "tool_info.h"
#include "tool_cat.h"
#include "tool_extract.h"
#include "tool_feeds.h"
#include "tool_import.h"
#include "tool_plot.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"info", command_info, "what a file holds, and what was lost"},
    {"cat", command_cat, "rows as text, NDJSON or CSV"},
    {"follow", command_follow, "rows as they are written"},
    {"feeds", command_feeds, "the recordings of a directory that go on over many files"},
    {"extract", command_extract, "images and other attachments out of a file"},
    {"import", command_import, "a CSV file becomes a telem file"},
    {"plot", command_plot, "a file as a picture (SVG)"},
};

static void main_help(text *t) {
    size_t i;
    text_puts(t, "usage: telem COMMAND [options] FILE\n\n");
    for (i = 0; i < sizeof commands / sizeof *commands; i++)
        text_printf(t, "  %-8s %s\n", commands[i].name, commands[i].what);
    text_puts(t, "\n  telem COMMAND --help   all about one command\n"
                 "  telem --version        the version of tool and format\n"
                 "\n"
                 "A file called - is standard input or output. exit: 0 ok, 1 failure, 2 usage,\n"
                 "3 finished, but data was lost.\n"
                 "\n"
                 "examples:\n"
                 "  telem info flight.tlm\n"
                 "  telem plot flight.tlm -o flight.svg\n"
                 "  telem follow --last 10s log/vitals\n");
}

static int print_text(text *t) {
    out *o = out_open(NULL);
    out_text(o, t);
    out_close(o);
    free(t->s);
    return EXIT_OK;
}

static int main_option(const char *name) {
    text t = {NULL, 0, 0};
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        main_help(&t);
    else if (strcmp(name, "--version") == 0)
        text_printf(&t, "telem %s, stream format %d.%d\n", TELEM_VERSION_STRING, TELEM_FILE_FORMAT,
                    TELEM_FILE_FORMAT_MINOR);
    else usage_error(NULL, "\"%s\" is no command; see telem --help", name);
    return print_text(&t);
}

int main(int argc, char **argv) {
    size_t i;
    temps_setup();
    if (argc < 2) usage_error(NULL, "wants a command; see telem --help");
    for (i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            opterr = 0;
            return commands[i].run(argc - 1, argv + 1);
        }
    return main_option(argv[1]);
}
