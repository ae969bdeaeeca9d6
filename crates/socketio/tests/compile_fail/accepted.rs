//! Each form of handler that is taken; this one compiles.

use std::sync::Arc;

use socketio::{
    AckSender, Auth, Data, DisconnectReason, Event, HandlerError, Namespace, RawEvent, Server, Socket, SocketData,
};

type Eight = (Socket, Namespace, Data<u8>, Event, RawEvent, Option<AckSender>, Auth<Option<u8>>, SocketData<u8>);

async fn function(socket: Socket, Data(text): Data<String>) -> Result<(), HandlerError> {
    socket.emit("said", &text)?;
    Ok(())
}

async fn nothing() {}

fn main() {
    let prefix = Arc::new(String::from("hello "));
    let of_eight = async |a: Socket, b: Namespace, c: Data<u8>, d: Event, e: RawEvent, f: Option<AckSender>, g, h| {
        let all: Eight = (a, b, c, d, e, f, g, h);
        drop(all);
    };
    Server::new()
        .of("/")
        .middleware(async |Auth(age): Auth<Option<u8>>| age.map(|_| ()).ok_or_else(|| HandlerError::new("no age")))
        .on_connect(async |socket: Socket| {
            let number: u8 = "1".parse()?;
            socket.set_data(number);
            Ok(())
        })
        .on("function", function)
        .on("nothing", nothing)
        .on("eight", of_eight)
        .on("no arguments", async || Ok("pong"))
        .on("several", async |Data((a, b)): Data<(i32, i32)>| Ok((a + b, a - b)))
        .on("captures", move |Data(name): Data<String>| {
            let prefix = prefix.clone();
            async move { Ok(format!("{prefix}{name}")) }
        })
        .on("checked", async |read: Result<Data<u8>, HandlerError>| Ok(read.map_or(0, |Data(number)| number)))
        .on_disconnect(async |reason: DisconnectReason| println!("{reason}"))
        .on_server_event("told", async |Event(name): Event, namespace: Namespace| {
            println!("{name} in {}", namespace.name());
        });
}
