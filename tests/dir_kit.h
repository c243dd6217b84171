/* dir_kit.h - a telem_dir in memory for the tests: files that stay readable while open, locks that a killed writer
   loses, full disks, refused calls, and a kill in front of or in the middle of any step. */
#ifndef DIR_KIT_H
#define DIR_KIT_H
#include <setjmp.h>

enum { DIR_FILES = 300, DIR_OPEN = 40 };

typedef struct dir_inode {
    uint8_t *data;
    size_t size, cap;
    int links, opens, locked;
    int64_t modified;
} dir_inode;

typedef struct dir_kit dir_kit;
typedef struct dir_handle {
    dir_kit *dir;
    dir_inode *inode;
    uint64_t pos;
    int owner, used, lock;
} dir_handle;

struct dir_kit {
    struct {
        char name[112];
        dir_inode *inode;
    } file[DIR_FILES];
    dir_handle handle[DIR_OPEN];
    int owner;        /* who acts: 0 a reader, 1.. writers; those of a killed one are closed */
    long steps;       /* that change something, so far */
    long kill_at;     /* in front of this step (counted from 1), or with `torn` in its middle; 0: never */
    int torn;
    jmp_buf killed;
    size_t space;     /* bytes that all files may take; 0: any */
    void (*on_look)(void); /* what happens right before a reader opens a file */
    void (*on_list)(void); /* and before it lists the directory */
    const char *lacks;     /* what a list leaves out: files with this in their names */
    int lacks_once;        /* in one list */
    int refuse;       /* steps that change names are refused with this code */
    int64_t now;      /* POSIX ns */
    long calls;       /* by writers, so far: also those that change nothing */
    long fail_at;     /* this call (counted from 1) fails once; 0: none */
    int fail_code;    /* how */
    int half;         /* the call that fails took a part of its bytes */
    int fail_more;    /* and so many more, each 57 behind the one before */
    int failed;       /* calls that did */
    char failure[140]; /* the latest one: call and file; "": none yet */
    int costly;       /* of them writes and syncs of files that have their name */
};

static int64_t dir_total(const dir_kit *k) {
    int64_t n = 0;
    int i;
    for (i = 0; i < DIR_FILES; i++)
        if (k->file[i].inode) n += (int64_t)k->file[i].inode->size;
    return n;
}

/* Is this the call that fails? */
static int dir_fails(dir_kit *k, const char *call, const char *name) {
    if (k->owner == 0 || ++k->calls != k->fail_at) return 0;
    snprintf(k->failure, sizeof k->failure, "%s %s", call, name);
    k->failed++;
    k->costly += (strcmp(call, "write") == 0 || strcmp(call, "sync") == 0) && strstr(name, ".0");
    if (k->fail_more-- > 0) k->fail_at = k->calls + 57;
    return 1;
}

/* Returns 1 when the step is to be done by half before the kill. */
static int dir_step(dir_kit *k) {
    if (k->owner == 0 || ++k->steps != k->kill_at) return 0;
    if (k->torn) return 1;
    longjmp(k->killed, 1);
}

static int dir_find(const dir_kit *k, const char *name) {
    int i;
    for (i = 0; i < DIR_FILES; i++)
        if (k->file[i].inode && strcmp(k->file[i].name, name) == 0) return i;
    return -1;
}

static const char *dir_name(const dir_handle *h) { /* of a file that is open */
    int i;
    for (i = 0; i < DIR_FILES; i++)
        if (h->dir->file[i].inode == h->inode) return h->dir->file[i].name;
    return "";
}

static void dir_unref(dir_inode *n) {
    if (n->links == 0 && n->opens == 0) {
        free(n->data);
        free(n);
    }
}

static void dir_resize(dir_inode *n, size_t size) {
    if (size > n->cap) {
        n->cap = size * 2 + 256;
        n->data = (uint8_t *)realloc(n->data, n->cap);
        if (!n->data) abort();
    }
    if (size > n->size) memset(n->data + n->size, 0, size - n->size);
    n->size = size;
}

static int64_t dir_read(void *user, void *buf, size_t n) {
    dir_handle *h = (dir_handle *)user;
    uint64_t left = h->pos < h->inode->size ? h->inode->size - h->pos : 0;
    if (dir_fails(h->dir, "read", dir_name(h))) return h->dir->fail_code;
    if (n > left) n = (size_t)left;
    if (n) memcpy(buf, h->inode->data + h->pos, n);
    h->pos += n;
    return (int64_t)n;
}

static int64_t dir_write(void *user, const void *buf, size_t n) {
    dir_handle *h = (dir_handle *)user;
    dir_kit *k = h->dir;
    int half = dir_step(k);
    if (half) n = n / 2;
    if (dir_fails(k, "write", dir_name(h))) {
        if (!k->torn || n < 2 || k->half) {
            k->half = 0;
            return k->fail_code;
        }
        n /= 2; /* a part of it, then the error */
        k->half = 1;
        k->fail_more += k->fail_at > k->calls; /* the one that was meant next comes later */
        k->fail_at = k->calls + 1;
    }
    if (k->space) {
        int64_t free_bytes = (int64_t)k->space - dir_total(k);
        if (free_bytes <= 0) return TELEM_ERR_SPACE;
        if ((int64_t)n > free_bytes) n = (size_t)free_bytes;
    }
    if (n) {
        if (h->pos + n > h->inode->size) dir_resize(h->inode, (size_t)h->pos + n);
        memcpy(h->inode->data + h->pos, buf, n);
    }
    h->pos += n;
    h->inode->modified = k->now;
    if (half) longjmp(k->killed, 1);
    return (int64_t)n;
}

static telem_result dir_seek(void *user, uint64_t pos) {
    dir_handle *h = (dir_handle *)user;
    if (dir_fails(h->dir, "seek", dir_name(h))) return (telem_result)h->dir->fail_code;
    ((dir_handle *)user)->pos = pos;
    return TELEM_OK;
}
static telem_result dir_sync_file(void *user) {
    dir_handle *h = (dir_handle *)user;
    (void)dir_step(h->dir);
    return dir_fails(h->dir, "sync", dir_name(h)) ? (telem_result)h->dir->fail_code : TELEM_OK;
}
static int64_t dir_size(void *user) { return (int64_t)((dir_handle *)user)->inode->size; }
static telem_result dir_truncate(void *user, uint64_t size) {
    dir_handle *h = (dir_handle *)user;
    if (dir_step(h->dir)) longjmp(h->dir->killed, 1);
    if (dir_fails(h->dir, "truncate", dir_name(h))) return (telem_result)h->dir->fail_code;
    dir_resize(h->inode, (size_t)size);
    return TELEM_OK;
}

static telem_result dir_handle_on(dir_kit *k, dir_inode *n, int lock, telem_io *io) {
    int i;
    for (i = 0; i < DIR_OPEN && k->handle[i].used; i++) {
    }
    if (i == DIR_OPEN) abort(); /* somebody does not close */
    k->handle[i].used = 1;
    k->handle[i].dir = k;
    k->handle[i].inode = n;
    k->handle[i].pos = 0;
    k->handle[i].owner = k->owner;
    k->handle[i].lock = lock;
    n->opens++;
    memset(io, 0, sizeof *io);
    io->user = &k->handle[i];
    io->read = dir_read;
    io->write = dir_write;
    io->seek = dir_seek;
    io->sync = dir_sync_file;
    io->size = dir_size;
    io->truncate = dir_truncate;
    return TELEM_OK;
}

static int dir_make(dir_kit *k, const char *name) {
    int i;
    for (i = 0; i < DIR_FILES && k->file[i].inode; i++) {
    }
    if (i == DIR_FILES || strlen(name) >= sizeof k->file[i].name) abort();
    strcpy(k->file[i].name, name);
    k->file[i].inode = (dir_inode *)calloc(1, sizeof(dir_inode));
    if (!k->file[i].inode) abort();
    k->file[i].inode->links = 1;
    k->file[i].inode->modified = k->now;
    return i;
}

static telem_result dir_open(void *user, const char *name, int how, telem_io *io) {
    dir_kit *k = (dir_kit *)user;
    int i;
    if (k->owner == 0 && k->on_look) k->on_look();
    i = dir_find(k, name);
    if (dir_fails(k, "open", name)) return (telem_result)k->fail_code;
    if (how == TELEM_DIR_CREATE) {
        if (dir_step(k)) longjmp(k->killed, 1);
        if (i >= 0) return TELEM_ERR_EXISTS;
        if (k->refuse) return (telem_result)k->refuse;
        i = dir_make(k, name);
    }
    return i < 0 ? TELEM_ERR_NOT_FOUND : dir_handle_on(k, k->file[i].inode, 0, io);
}

static telem_result dir_close(void *user, telem_io *io) {
    dir_handle *h = (dir_handle *)io->user;
    int fails = user && dir_fails(h->dir, "close", dir_name(h));
    if (!h->used) abort(); /* closed twice */
    h->used = 0;
    h->inode->opens--;
    if (h->lock) h->inode->locked = 0;
    dir_unref(h->inode);
    return fails ? (telem_result)h->dir->fail_code : TELEM_OK;
}

static telem_result dir_list(void *user, int (*fn)(void *arg, const telem_dir_entry *entry), void *arg) {
    dir_kit *k = (dir_kit *)user;
    int i;
    if (dir_fails(k, "list", "")) return (telem_result)k->fail_code;
    if (k->owner == 0 && k->on_list) k->on_list();
    for (i = DIR_FILES; i-- > 0;) { /* in no helpful order */
        telem_dir_entry e;
        if (!k->file[i].inode || (k->lacks && strstr(k->file[i].name, k->lacks))) continue;
        e.name = k->file[i].name;
        e.size = k->file[i].inode->size;
        e.modified = k->file[i].inode->modified;
        if (fn(arg, &e)) break;
    }
    if (k->lacks_once) k->lacks = NULL;
    return TELEM_OK;
}

static telem_result dir_remove(void *user, const char *name) {
    dir_kit *k = (dir_kit *)user;
    int i = dir_find(k, name);
    if (dir_step(k)) longjmp(k->killed, 1);
    if (dir_fails(k, "remove", name)) return (telem_result)k->fail_code;
    if (i < 0) return TELEM_ERR_NOT_FOUND;
    k->file[i].inode->links--;
    dir_unref(k->file[i].inode);
    k->file[i].inode = NULL;
    return TELEM_OK;
}

static telem_result dir_rename(void *user, const char *from, const char *to) {
    dir_kit *k = (dir_kit *)user;
    int i = dir_find(k, from), j = dir_find(k, to);
    if (dir_step(k)) longjmp(k->killed, 1);
    if (i < 0) return TELEM_ERR_NOT_FOUND;
    if (k->refuse) return (telem_result)k->refuse;
    if (dir_fails(k, "rename", from)) return (telem_result)k->fail_code;
    if (j >= 0) {
        k->file[j].inode->links--;
        dir_unref(k->file[j].inode);
        k->file[j].inode = NULL;
    }
    strcpy(k->file[i].name, to);
    return TELEM_OK;
}

static telem_result dir_lock(void *user, const char *name, telem_io *held) {
    dir_kit *k = (dir_kit *)user;
    int i = dir_find(k, name);
    if (dir_step(k)) longjmp(k->killed, 1);
    if (dir_fails(k, "lock", name)) return (telem_result)k->fail_code;
    if (i < 0) i = dir_make(k, name);
    if (k->file[i].inode->locked) return TELEM_ERR_BUSY;
    k->file[i].inode->locked = 1;
    return dir_handle_on(k, k->file[i].inode, 1, held);
}

static telem_result dir_sync(void *user) {
    dir_kit *k = (dir_kit *)user;
    if (dir_step(k)) longjmp(k->killed, 1);
    return dir_fails(k, "sync names", "") ? (telem_result)k->fail_code : TELEM_OK;
}

static telem_dir dir_of(dir_kit *k) {
    telem_dir d = TELEM_ZERO;
    d.user = k;
    d.open = dir_open;
    d.close = dir_close;
    d.list = dir_list;
    d.remove = dir_remove;
    d.rename = dir_rename;
    d.lock = dir_lock;
    d.sync = dir_sync;
    return d;
}

/* What the system does for a process that is gone. */
static void dir_kill(dir_kit *k, int owner) {
    int i;
    telem_io io;
    for (i = 0; i < DIR_OPEN; i++)
        if (k->handle[i].used && k->handle[i].owner == owner) {
            io.user = &k->handle[i];
            (void)dir_close(NULL, &io);
        }
}

static void dir_free(dir_kit *k) {
    int i;
    for (i = 0; i <= 9; i++) dir_kill(k, i);
    for (i = 0; i < DIR_FILES; i++)
        if (k->file[i].inode) {
            free(k->file[i].inode->data);
            free(k->file[i].inode);
        }
    memset(k, 0, sizeof *k);
}

/* A file with these bytes. */
TELEM_UNUSED static void dir_put(dir_kit *k, const char *name, const void *data, size_t n) {
    int i = dir_find(k, name);
    if (i < 0) i = dir_make(k, name);
    dir_resize(k->file[i].inode, n);
    if (n) memcpy(k->file[i].inode->data, data, n);
}

TELEM_UNUSED static int dir_count(const dir_kit *k, const char *end) { /* files whose names end so */
    int i, n = 0;
    for (i = 0; i < DIR_FILES; i++) {
        size_t a, b = strlen(end);
        if (!k->file[i].inode) continue;
        a = strlen(k->file[i].name);
        n += a >= b && strcmp(k->file[i].name + a - b, end) == 0;
    }
    return n;
}
#endif
