//! The official client for Python, the package `mcp`.

use std::process::Command;

use netsky_testing::has_python;

use super::client::home;

const SESSION: &str = r#"
import asyncio, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    parameters = StdioServerParameters(command=sys.argv[1], args=["mcp", "--db", sys.argv[2]])
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        print(*[tool.name for tool in (await session.list_tools()).tools])
        print(*[str(resource.uri) for resource in (await session.list_resources()).resources])
        async def call(tool, **arguments):
            result = (await session.call_tool(tool, arguments)).model_dump(by_alias=True, mode="json")
            return result["isError"], result["structuredContent"]
        print(await call("query", sql="SELECT count(*) AS n FROM ticks"))
        failed, object = await call("query", sql="SELECT sorce FROM ticks")
        print(failed, object["error"]["nearest"])
        print(len((await call("timeline", limit=3))[1]["rows"]))
        text = (await session.read_resource("netsky://schema/ticks")).contents[0].text
        print(text.splitlines()[0])

asyncio.run(main())
"#;

#[test]
fn the_official_client_for_python_understands_the_server() {
    if !has_python("mcp") {
        return;
    }
    let home = home();
    let mut session = Command::new("python3");
    session.args(["-c", SESSION, env!("CARGO_BIN_EXE_netsky")]);
    session.arg(home.path(".netsky/meta.db"));
    let ran = session.env("HOME", home.path("")).output().unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{printed}{}", String::from_utf8_lossy(&ran.stderr));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "schema query cost top sessions timeline functions");
    assert_eq!(lines[1], "netsky://schema netsky://functions netsky://skill");
    assert!(
        lines[2].starts_with("(False, ") && lines[2].contains("'rows': [{'n': 7}]"),
        "{printed}"
    );
    assert_eq!(lines[3..], ["True ['source']", "3", "| column | type | null | what |"]);
}
