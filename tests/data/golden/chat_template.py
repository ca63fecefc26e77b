"""Renders the chat template with Jinja2, as transformers does (sandbox, trim_blocks, lstrip_blocks), for chat.test.ts.

Run after the template changed: npx tsx -e "import('./src/data/chat-template.ts').then((m) => console.log(m.CHAT_TEMPLATE))" | python3 tests/data/golden/chat_template.py
Needs jinja2; the tests need only the JSON that this writes.
"""
import json, pathlib, sys
import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

template = sys.stdin.read().rstrip("\n")
user = lambda content: {"role": "user", "content": content}
assistant = lambda content: {"role": "assistant", "content": content}
system = lambda content: {"role": "system", "content": content}
conversations = [
    ([user("Hello"), assistant("Good day.")], False),
    ([user("Hello")], True),
    ([system("Be brief."), user("Who are you?"), assistant("A nestling."), user("And now?")], True),
    ([user("  spaces \n\n kept  "), assistant("\nyes\n")], False),
    ([user("{{ messages }} {% if 1 %}"), assistant("<|end|> 'quoted' \\n")], False),
    ([user("one"), user("two"), assistant("three"), assistant("four")], False),
]
env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
compiled = env.from_string(template)
cases = [
    {"messages": m, "addGenerationPrompt": g, "rendered": compiled.render(messages=m, add_generation_prompt=g)}
    for m, g in conversations
]
out = pathlib.Path(__file__).with_name("chat-template.json")
out.write_text(json.dumps({"jinja2": jinja2.__version__, "template": template, "cases": cases}, indent=1, ensure_ascii=False) + "\n")
