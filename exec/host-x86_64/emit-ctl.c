/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots and variables, labels and branches, exits.
 *
 * A direct exit is a jump whose 32-bit field is redirected when the two regions are linked (host_link).
 * Else, and where the link crosses pages, it leads to a stub: common code follows the link after a
 * look into the jump cache, or asks for the region (loop_next). Indirect exits look there at the site.
 * Every region begins with the poll of exit_request; a draft counts its runs there.
 */
#include "host-priv.h"

#define REL32_ALIGN 4 /* patched fields lie in one aligned word */

HgStub *hg_stub(HostGen *g, HgStubKind kind)
{
    HgStub s = { .kind = kind, .entry = asm_label(&g->as) };

    ir_push(g->stubs, HG_ROOM, HgStub, s);
    return &g_array_index(g->stubs, HgStub, g->stubs->len - 1);
}

/* ---- slots ---- */

static void load_slot(HostGen *g, const IrSlotDesc *s, unsigned d)
{
    AsmRm m = hg_state(s->offset);

    if (s->type >= IR_V128) {
        asm_v2(&g->as, s->size == 8 ? I_VMOVSD_LD : I_VMOVDQU, s->type == IR_V256, d, m, 0);
    } else if (s->size == 8) {
        asm_mov(&g->as, 8, d, m);
    } else {
        asm_movzx(&g->as, s->size, d, m);
    }
}

static void emit_get(HostGen *g, const IrInsn *i, IrVal v)
{
    const IrSlotDesc *s = &g->b->slots->slots[i->imm];
    unsigned p = hg_pin_of(g, i->imm);

    if (!p) {
        load_slot(g, s, hg_def(g, v, 0));
        return;
    }
    const HostPin *hp = &g->pins->pin[p - 1];
    const IrVal *in = g->in[host_pin_is_vec(hp)];
    g->pin_next[p - 1] = g->nu[v * 4];
    if (!(g->home_reg & 1u << (p - 1)) && !in[hp->reg]) {
        hg_home_needed(g, p - 1);
    }
    if (!(g->home_reg & 1u << (p - 1))) {
        load_slot(g, s, hg_def(g, v, 0));
    } else if (!in[hp->reg]) {
        hg_def_in(g, v, hp->reg); /* the value and the home share it */
    } else if (host_pin_is_vec(hp)) {
        asm_vrr(&g->as, I_VMOVDQA, hp->size == 32, hg_def(g, v, 0), hp->reg);
    } else {
        asm_mov_rr(&g->as, 8, hg_def(g, v, 0), hp->reg);
    }
}

static void emit_put(HostGen *g, const IrInsn *i)
{
    const IrSlotDesc *s = &g->b->slots->slots[i->imm];
    unsigned p = hg_pin_of(g, i->imm);

    if (p) {
        hg_set_home(g, p - 1, i->arg[0]);
        return;
    }
    HgXfer x = {
        .from = hg_where(g, i->arg[0]), .reg = HR_NONE, .size = s->size, .off = s->offset
    };
    hg_parallel(g, &x, 1);
}

static void emit_var(HostGen *g, const IrInsn *i, IrVal v)
{
    AsmRm m = hg_frame(g->var_cell[i->imm]);
    bool wide = g->b->var_type[i->imm] == IR_V256, set = i->op == IR_VARSET;

    if (g->b->var_type[i->imm] >= IR_V128) {
        if (set) {
            asm_v2_store(&g->as, I_VMOVDQU_ST, wide, m, hg_use(g, i->arg[0]), 0);
        } else {
            asm_v2(&g->as, I_VMOVDQU, wide, hg_def(g, v, 0), m, 0);
        }
    } else if (set) {
        asm_store(&g->as, 8, m, hg_use(g, i->arg[0]));
    } else {
        asm_mov(&g->as, i->type == IR_I64 ? 8 : 4, hg_def(g, v, 0), m);
    }
}

/* ---- labels and branches ---- */

static void emit_label(HostGen *g, const IrInsn *i)
{
    if (g->stop && !(g->label_used[i->imm] & 1)) {
        return; /* nobody comes here */
    }
    if (g->stop) {
        hg_reset(g);
    } else {
        hg_barrier(g, true);
    }
    asm_bind(&g->as, g->label[i->imm]);
    g->zero_of = g->carry_of = 0; /* other flags may come by a branch */
    g->stop = false;
}

static void emit_branch(HostGen *g, const IrInsn *i, IrVal v)
{
    if (i->op == IR_BR) {
        hg_barrier(g, true);
        asm_jmp(&g->as, g->label[i->imm]);
        g->stop = true;
        return;
    }
    AsmCc cc = emit_compare(g, i, v);
    hg_release(g);
    hg_barrier(g, false); /* moves only */
    asm_jcc(&g->as, cc, g->label[i->imm]);
}

/* ---- direct exits ---- */

static unsigned new_link(HostGen *g, uint64_t pc)
{
    TbLink *l = &tb_links(g->tb)[g->n_links];

    l->index = g->n_links;
    l->pc = pc;
    return g->n_links++;
}

/* Does the exit go back to the head of a loop that has homes of its own? */
static bool goes_back(const HostGen *g, const IrInsn *i)
{
    return hg_loops(g) && i->imm == g->tb->key.pc;
}

static bool other_page(const HostGen *g, uint64_t pc)
{
    const TbKey *k = &g->tb->key;

    return g->tb->n_pages > 1 || ((pc + k->vaddr - k->pc) ^ k->vaddr) & GUEST_PAGE_MASK;
}

/* Go where the link leads if the jump cache says that this is mapped there, else to the stub. The
 * place that host_link writes lies behind, in the same cache line as often as not. */
static void guess_jump(HostGen *g, const HgStub *s)
{
    AsmBuf *as = &g->as;
    const TbKey *k = &g->tb->key;
    TbLink *l = &tb_links(g->tb)[s->link];
    uint64_t none = HOST_NO_GUESS,
             va = (l->pc + k->vaddr - k->pc) & g->cpu->priv->trans->ctx.vaddr_mask;
    AsmLabel guess = asm_label(as);

    asm_mov(as, 8, RAX, asm_at_label(guess));
    asm_mov(as, 8, RCX, hg_state(offsetof(CpuState, jump_cache)));
    asm_alu_store(as, ALU_CMP, 8, asm_mem(RCX, jc_index(va) * sizeof(Tb *)), RAX);
    asm_jcc(as, CC_NE, s->entry);
    asm_jmp_rm(as, asm_mem(RAX, offsetof(Tb, native)));
    asm_align(as, 8);
    asm_bind(as, guess);
    l->guess = true;
    l->field_at = (uint32_t)(as->p - g->code->rw);
    asm_data(as, &none, sizeof(none));
}

static HgStub guessed_link(HostGen *g, uint64_t pc)
{
    HgStub *out = hg_stub(g, STUB_LINK);

    out->link = new_link(g, pc);
    return *out;
}

void emit_guess(HostGen *g, uint64_t pc)
{
    HgStub link = guessed_link(g, pc);

    guess_jump(g, &link);
}

/* Where a branch leads: cc; -1: here. */
static void guess_link(HostGen *g, int cc, const IrInsn *i)
{
    if (cc < 0) {
        emit_guess(g, i->imm);
        return;
    }
    HgStub link = guessed_link(g, i->imm), *s = hg_stub(g, STUB_GUESS);
    s->link = link.link;
    s->back = link.entry;
    asm_jcc(&g->as, cc, s->entry);
}

/* A jump (cc: conditional; -1: not) to the stub of a new link, which is where the field leads
 * while there is no other region. */
static void link_jump(HostGen *g, int cc, const IrInsn *i)
{
    bool back = goes_back(g, i);

    if (!back && other_page(g, i->imm)) {
        guess_link(g, cc, i);
        return;
    }
    HgStub *s = hg_stub(g, back ? STUB_BACK : STUB_LINK);
    unsigned before = cc < 0 ? 1 : 2;

    s->link = new_link(g, i->imm);
    tb_links(g->tb)[s->link].loop = back;
    asm_nop(&g->as, -(asm_here(&g->as) + before) & (REL32_ALIGN - 1));
    if (cc < 0) {
        asm_jmp(&g->as, s->entry);
    } else {
        asm_jcc(&g->as, cc, s->entry);
    }
    tb_links(g->tb)[s->link].field_at = (uint32_t)(g->as.p - 4 - g->code->rw);
}

/* host_mode() of what comes behind the region; 0: not known. */
static uint32_t mode_after(const HostGen *g)
{
    const TransCtx *c = &g->cpu->priv->trans->ctx;
    TbKey key = g->tb->key;

    if (!c->other_flags) {
        return g->mode;
    }
    key.flags = c->flags_after;
    return key.flags ? host_mode(g->code, &key) : 0;
}

/* pc in HR_SCRATCH, all homes in place, every other register free. */
static void jump_cache(HostGen *g)
{
    AsmBuf *as = &g->as;
    const TbKey *k = &g->tb->key;
    HgStub *miss = hg_stub(g, STUB_MISS);
    uint64_t base = k->vaddr - k->pc, mask = g->cpu->priv->trans->ctx.vaddr_mask;
    uint32_t mode = mode_after(g);
    int32_t off;

    if (g->tb->cflags || !mode || !hg_imm_fits(IR_I64, base, &off) ||
        (mask != ~(uint64_t)0 && mask != 0xffffffffu)) {
        asm_jmp(as, miss->entry);
        return;
    }
    /* jc_index */
    if (off || mask == 0xffffffffu) {
        asm_lea(as, mask == 0xffffffffu ? 4 : 8, RCX, asm_mem(HR_SCRATCH, off));
    } else {
        asm_mov_rr(as, 8, RCX, HR_SCRATCH);
    }
    asm_mov_rr(as, 4, RAX, RCX);
    asm_shift_imm(as, SH_SHR, 4, asm_reg(RAX), JC_FOLD);
    asm_alu_rr(as, ALU_XOR, 4, RCX, RAX);
    asm_mov_imm(as, RAX, JC_PICK);
    asm_vrrr(as, I_PEXT, false, RCX, RCX, RAX);
    asm_mov(as, 8, RAX, hg_state(offsetof(CpuState, jump_cache)));
    asm_mov(as, 8, RDX, asm_mem_index(RAX, RCX, 3, 0));
    asm_test(as, 8, asm_reg(RDX), RDX);
    asm_jcc(as, CC_E, miss->entry);
    asm_alu_store(as, ALU_CMP, 8, asm_mem(RDX, offsetof(Tb, key.pc)), HR_SCRATCH);
    asm_jcc(as, CC_NE, miss->entry);
    asm_alu_imm(as, ALU_CMP, 4, asm_mem(RDX, offsetof(Tb, mode)), mode);
    asm_jcc(as, CC_NE, miss->entry);
    asm_jmp_rm(as, asm_mem_index(RAX, RCX, 3, JC_SIZE * sizeof(Tb *))); /* jc_native */
}

static void emit_exit_direct(HostGen *g, const IrInsn *i)
{
    uint32_t first;
    unsigned n = hg_plan_exit(g, i->snap, goes_back(g, i), NULL, &first);

    hg_do_xfers(g, first, n);
    hg_call(g);
    link_jump(g, -1, i);
    g->stop = true;
}

static void emit_exit_if(HostGen *g, const IrInsn *i, IrVal v)
{
    uint32_t first;
    AsmCc cc = emit_compare(g, i, v);
    bool back = goes_back(g, i);
    unsigned n = hg_plan_exit(g, i->snap, back, NULL, &first);

    if (!n) {
        link_jump(g, cc, i);
        return;
    }
    if (back) { /* the likely way */
        AsmLabel over = asm_label(&g->as);
        asm_jcc(&g->as, cc ^ 1, over);
        hg_do_xfers(g, first, n);
        link_jump(g, -1, i);
        asm_bind(&g->as, over);
        return;
    }
    HgStub *s = hg_stub(g, STUB_EXIT);
    s->insn = v;
    s->xfer = first;
    s->n_xfer = n;
    asm_jcc(&g->as, cc, s->entry);
}

static void emit_exit_value(HostGen *g, const IrInsn *i)
{
    HgXfer pc = { .from = hg_where(g, i->arg[0]), .reg = HR_SCRATCH, .size = 8 };
    uint32_t first;
    unsigned n = hg_plan_exit(g, i->snap, false, &pc, &first);

    hg_do_xfers(g, first, n);
    if (i->op == IR_EXIT_LOOP) {
        asm_store(&g->as, 8, hg_state(g->code->pc_offset), HR_SCRATCH);
        asm_jmp_abs(&g->as, g->code->leave);
    } else {
        if (i->op == IR_EXIT_RETURN) {
            hg_return(g);
        }
        hg_call(g);
        jump_cache(g);
    }
    g->stop = true;
}

/* ---- raising ---- */

static void raise_here(HostGen *g, const IrInsn *i, uint32_t site)
{
    asm_store_imm(&g->as, 8, hg_frame(FRAME_OFF(arg)), (int32_t)i->imm);
    asm_store_imm(&g->as, 8, hg_frame(FRAME_OFF(arg) + 8), (int32_t)(i->imm >> 32));
    asm_call_abs(&g->as, g->code->slow[SLOW_RAISE][1]);
    hg_site_here(g, site);
}

static void emit_raise(HostGen *g, const IrInsn *i, IrVal v)
{
    if (i->op == IR_RAISE) {
        raise_here(g, i, hg_site(g, i->snap));
        g->stop = true;
        return;
    }
    AsmCc cc = emit_compare(g, i, v);
    uint32_t site = hg_site(g, i->snap);
    HgStub *s = hg_stub(g, STUB_RAISE);
    s->insn = v;
    s->site = site;
    asm_jcc(&g->as, cc, s->entry);
}

/* ---- stubs ---- */

void emit_stub(HostGen *g, HgStub *p)
{
    HgStub s = *p; /* the array may grow */
    const IrInsn *i = ir_at(g->b, s.insn);
    AsmBuf *as = &g->as;

    if (s.kind == STUB_SLOW) {
        emit_slow_stub(g, &s);
        return;
    }
    if (s.kind == STUB_HELPER) {
        emit_helper_stub(g, &s);
        return;
    }
    asm_bind(as, s.entry);
    switch (s.kind) {
    case STUB_EXIT:
        hg_do_xfers(g, s.xfer, s.n_xfer);
        link_jump(g, -1, i);
        break;
    case STUB_RAISE: raise_here(g, i, s.site); break;
    case STUB_BACK:
    case STUB_LINK: {
        TbLink *l = &tb_links(g->tb)[s.link];
        l->stub_at = (uint32_t)(asm_here(as) - (uintptr_t)g->code->rx);
        if (s.kind == STUB_BACK) {
            hg_homes_out(g);
        }
        hg_load_addr(g, HR_SCRATCH, l);
        asm_jmp_abs(as, g->code->next_link);
        break;
    }
    case STUB_GUESS: {
        HgStub out = { .entry = s.back, .link = s.link };
        guess_jump(g, &out);
        break;
    }
    case STUB_MISS: asm_jmp_abs(as, g->code->next_pc); break;
    default:
        if (hg_loops(g)) {
            hg_homes_out(g);
        }
        asm_lea(as, 8, HR_SCRATCH, asm_abs(g->as.run_at));
        asm_jmp_abs(as, g->code->refuse);
        break;
    }
}

void emit_entry(HostGen *g)
{
    HgStub *s = hg_stub(g, STUB_ENTRY);

    if (hg_loops(g)) {
        hg_homes_in(g);
        g->head = asm_label(&g->as);
        asm_bind(&g->as, g->head);
    }
    asm_alu_imm(&g->as, ALU_CMP, 4, hg_state(offsetof(CpuState, exit_request)), 0);
    asm_jcc(&g->as, CC_NE, s->entry);
    if (g->tb->draft) {
        uint64_t heat = (uintptr_t)&g->tb->heat;
        bool near = asm_reachable(&g->as, heat);
        if (!near) {
            asm_mov_imm(&g->as, RAX, heat);
        }
        asm_alu_imm(&g->as, ALU_SUB, 4, near ? asm_abs(heat) : asm_mem(RAX, 0), 1);
        asm_jcc(&g->as, CC_E, s->entry);
    }
}

bool emit_control(HostGen *g, const IrInsn *i, IrVal v)
{
    switch (i->op) {
    case IR_GET: emit_get(g, i, v); return true;
    case IR_PUT: emit_put(g, i); return true;
    case IR_VARGET:
    case IR_VARSET: emit_var(g, i, v); return true;
    case IR_LABEL: emit_label(g, i); return true;
    case IR_BR:
    case IR_BRCOND: emit_branch(g, i, v); return true;
    case IR_EXIT_DIRECT: emit_exit_direct(g, i); return true;
    case IR_EXIT_DIRECT_IF: emit_exit_if(g, i, v); return true;
    case IR_EXIT_INDIRECT:
    case IR_EXIT_RETURN:
    case IR_EXIT_LOOP: emit_exit_value(g, i); return true;
    case IR_RAISE:
    case IR_RAISE_IF: emit_raise(g, i, v); return true;
    case IR_WILL_RETURN:
        g->calls = true;
        g->calls_pc = i->imm;
        return true;
    case IR_INSN:
    case IR_COMMIT:
    case IR_CONST:
    case IR_VCONST:
    case IR_NOP: return true;
    default: return false;
    }
}
