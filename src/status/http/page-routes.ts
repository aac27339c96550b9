// The files of the status page, and the login form.
import { readdirSync, readFileSync } from 'node:fs';
import type { FastifyReply } from 'fastify';
import { ownFile } from '../../own-files.js';
import type { LoginResult } from './access.js';
import type { StatusRoutes } from './server.js';

const FOLDER = ownFile('status/page/');
const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};
/** The login form needs these. They contain nothing about anybody. */
const OPEN_FILES = ['page.css', 'icon.svg'];
const PROBLEM = '<!-- problem -->';

const PROBLEMS: Readonly<Record<Exclude<LoginResult['kind'], 'begun'>, { code: number; words: string }>> = {
  wrong: { code: 401, words: 'This is not the token.' },
  'too-many': { code: 429, words: 'Too many wrong tokens. Wait a minute, then try again.' },
};

/** `first`: the page that `/` shows. */
export const pageRoutes =
  (first: 'page.html' | 'hub.html'): StatusRoutes =>
  (server, access) => {
    const files = new Map(readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER))]));
    const html = (reply: FastifyReply, text: string | Buffer) => reply.type(TYPES.html ?? '').send(text);
    const loginPage = files.get('login.html')?.toString() ?? '';

    server.get('/', (_request, reply) => html(reply, files.get(first) ?? ''));
    for (const [name, content] of files) {
      const type = TYPES[name.split('.').at(-1) ?? ''];
      if (type === undefined || name.endsWith('.html')) continue;
      server.get(`/${name}`, { config: { open: OPEN_FILES.includes(name) } }, (_request, reply) =>
        reply.type(type).send(content),
      );
    }

    server.get('/login', { config: { open: true } }, (request, reply) =>
      access.isAuthorised(request) ? reply.redirect('/', 303) : html(reply, loginPage.replace(PROBLEM, '')),
    );

    // Forms are accepted only by these two routes.
    server.register(async (forms) => {
      forms.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
        done(null, new URLSearchParams(String(body))),
      );
      forms.post('/login', { config: { open: true } }, (request, reply) => {
        const token = request.body instanceof URLSearchParams ? request.body.get('token') : null;
        const login = access.login(request, token ?? '');
        if (login.kind === 'begun') return reply.header('set-cookie', login.setCookie).redirect('/', 303);
        const { code, words } = PROBLEMS[login.kind];
        if (code === 429) reply.header('retry-after', '60');
        return html(reply.code(code), loginPage.replace(PROBLEM, words));
      });
      forms.post('/logout', (request, reply) =>
        reply.header('set-cookie', access.logout(request)).redirect('/login', 303),
      );
    });
  };
