/** A doc comment belongs to the declaration below it. Edits between the two can leave it above another one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { test } from 'node:test';
import ts from 'typescript';

/** What is wrong with the doc comments of a file, each as `line: fault`. */
function faultsOf(text: string): string[] {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    const { jsDoc = [] } = node as ts.Node & { jsDoc?: ts.JSDoc[] };
    const note = (fault: string) => {
      faults.push(`${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}: ${fault}`);
    };
    // The first comment of a file may be about the file.
    if (jsDoc.length > (node === source.statements[0] ? 2 : 1)) note('two doc comments');
    const known = parametersOf(node).flatMap(namesOf);
    for (const tag of jsDoc.flatMap(({ tags = [] }) => [...tags]))
      if (ts.isJSDocParameterTag(tag)) {
        const [name = ''] = tag.name.getText(source).split('.');
        if (!known.includes(name))
          note(`@param ${name}, but the parameters are ${known.join(', ') || 'none'}`);
      }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return faults;
}

/** The names that a comment may use; a destructured parameter is `options` too. */
function namesOf({ name }: ts.ParameterDeclaration | ts.BindingElement): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  const parts = name.elements.flatMap((part) => (ts.isOmittedExpression(part) ? [] : namesOf(part)));
  return ['options', ...parts];
}

/** Those of a function, a method, or the function in a variable or member. */
function parametersOf(node: ts.Node): readonly ts.ParameterDeclaration[] {
  if (ts.isFunctionLike(node)) return node.parameters.filter(ts.isParameter);
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.flatMap(parametersOf);
  const { initializer, type } = node as ts.PropertyDeclaration;
  return [initializer, type].flatMap((part) => (part ? parametersOf(part) : []));
}

test('each doc comment is above the declaration whose parameters it names', async () => {
  for await (const file of glob('{src,jobs,schemas,bench,test}/**/*.ts', { exclude: ['**/node_modules/**'] }))
    assert.deepEqual(faultsOf(readFileSync(file, 'utf8')), [], file);
});

test('a doc comment above another declaration is found', () => {
  const first = '/** About the file. */\n/** @param a the first */\n';
  const second = '/** @param options.c the third\n * @param d the fourth */\nconst f = ({ c, d }) => c;\n';
  assert.deepEqual(faultsOf(`${first}function f(a, b) {}\n${second}`), []);
  assert.deepEqual(faultsOf(`${first}const LIMIT = 1;\nfunction f(a, b) {}\n`), [
    '3: @param a, but the parameters are none',
  ]);
  assert.deepEqual(faultsOf(`const x = 1;\n${first}function f(b) {}\n`), [
    '4: two doc comments',
    '4: @param a, but the parameters are b',
  ]);
});
