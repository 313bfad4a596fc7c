//! What the servers of the benchmark share: the address on the first line of their output, the end with their input.

use tokio::net::TcpListener;

/// Whatever goes wrong in a benchmark.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Listens on a free port of loopback, tells the command which, and ends the process when the command is gone.
///
/// # Errors
/// When there is no port.
pub async fn listen() -> std::io::Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?);
    // Ends with its input, and the process with it.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    Ok(listener)
}
